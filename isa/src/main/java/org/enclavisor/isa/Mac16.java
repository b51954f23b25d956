package org.enclavisor.isa;

/** An AES-CMAC of 128 bits. */
public final class Mac16 extends FixedBytes {
  /** Size in bytes. */
  public static final int BYTES = 16;

  /** All zero. */
  public static final Mac16 ZERO = new Mac16(new byte[BYTES]);

  private Mac16(byte[] bytes) {
    super(bytes, BYTES);
  }

  /** From 16 bytes, which are copied. */
  public static Mac16 of(byte[] bytes) {
    return new Mac16(bytes);
  }

  /** From 32 hex digits. */
  public static Mac16 ofHex(String hex) {
    return new Mac16(parse(hex));
  }
}
