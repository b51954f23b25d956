package org.enclavisor.isa;

/** CONFIGID: what the host says of an enclave's configuration, in SECS, REPORT and TARGETINFO (KSS). */
public final class ConfigId extends FixedBytes {
  /** Size in bytes. */
  public static final int BYTES = 64;

  /** All zero. */
  public static final ConfigId ZERO = new ConfigId(new byte[BYTES]);

  private ConfigId(byte[] bytes) {
    super(bytes, BYTES);
  }

  /** From 64 bytes, which are copied. */
  public static ConfigId of(byte[] bytes) {
    return new ConfigId(bytes);
  }

  /** From 128 hex digits. */
  public static ConfigId ofHex(String hex) {
    return new ConfigId(parse(hex));
  }
}
