package org.enclavisor.isa;

/**
 * MISCSELECT: what is written to the MISC region of an SSA frame (SDM 3D, “SECS.MISCSELECT”). Also a mask over such a
 * value. Which reserved bits are an error is for the leaf to decide.
 *
 * @param bits bit 0 EXINFO, bit 1 CPINFO, the others reserved
 */
public record MiscSelect(int bits) {
  /** Bit 0, EXINFO: address and error code of #PF and #GP. */
  public static final int EXINFO = 1;

  /** Bit 1, CPINFO: error code of #CP. */
  public static final int CPINFO = 1 << 1;

  /** Size in bytes. */
  public static final int BYTES = 4;

  /** No bit set. */
  public static final MiscSelect NONE = new MiscSelect(0);

  /** Whether all these bits are set. */
  public boolean has(int mask) {
    return (bits & mask) == mask;
  }

  /** The bits that both have. */
  public MiscSelect and(MiscSelect mask) {
    return new MiscSelect(bits & mask.bits);
  }

  @Override
  public String toString() {
    return "0x" + Integer.toHexString(bits);
  }
}
