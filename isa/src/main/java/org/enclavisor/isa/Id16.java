package org.enclavisor.isa;

/** ISVFAMILYID or ISVEXTPRODID: 16 bytes that a vendor chooses (KSS). */
public final class Id16 extends FixedBytes {
  /** Size in bytes. */
  public static final int BYTES = 16;

  /** All zero. */
  public static final Id16 ZERO = new Id16(new byte[BYTES]);

  private Id16(byte[] bytes) {
    super(bytes, BYTES);
  }

  /** From 16 bytes, which are copied. */
  public static Id16 of(byte[] bytes) {
    return new Id16(bytes);
  }

  /** From 32 hex digits. */
  public static Id16 ofHex(String hex) {
    return new Id16(parse(hex));
  }
}
