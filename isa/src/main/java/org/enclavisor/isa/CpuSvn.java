package org.enclavisor.isa;

/** CPUSVN: the security version of a processor, of which the manual says nothing but its size. */
public final class CpuSvn extends FixedBytes {
  /** Size in bytes. */
  public static final int BYTES = 16;

  /** All zero. */
  public static final CpuSvn ZERO = new CpuSvn(new byte[BYTES]);

  private CpuSvn(byte[] bytes) {
    super(bytes, BYTES);
  }

  /** From 16 bytes, which are copied. */
  public static CpuSvn of(byte[] bytes) {
    return new CpuSvn(bytes);
  }

  /** From 32 hex digits. */
  public static CpuSvn ofHex(String hex) {
    return new CpuSvn(parse(hex));
  }
}
