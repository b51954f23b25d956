package org.enclavisor.isa;

/** KEYID: the value that keeps a key from wearing out, in KEYREQUEST, REPORT and EINITTOKEN. */
public final class KeyId extends FixedBytes {
  /** Size in bytes. */
  public static final int BYTES = 32;

  /** All zero. */
  public static final KeyId ZERO = new KeyId(new byte[BYTES]);

  private KeyId(byte[] bytes) {
    super(bytes, BYTES);
  }

  /** From 32 bytes, which are copied. */
  public static KeyId of(byte[] bytes) {
    return new KeyId(bytes);
  }

  /** From 64 hex digits. */
  public static KeyId ofHex(String hex) {
    return new KeyId(parse(hex));
  }
}
