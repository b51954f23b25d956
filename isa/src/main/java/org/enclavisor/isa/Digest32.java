package org.enclavisor.isa;

/** A SHA-256 digest: MRENCLAVE, MRSIGNER, and the like. */
public final class Digest32 extends FixedBytes {
  /** Size in bytes. */
  public static final int BYTES = 32;

  /** All zero. */
  public static final Digest32 ZERO = new Digest32(new byte[BYTES]);

  private Digest32(byte[] bytes) {
    super(bytes, BYTES);
  }

  /** From 32 bytes, which are copied. */
  public static Digest32 of(byte[] bytes) {
    return new Digest32(bytes);
  }

  /** From 64 hex digits. */
  public static Digest32 ofHex(String hex) {
    return new Digest32(parse(hex));
  }
}
