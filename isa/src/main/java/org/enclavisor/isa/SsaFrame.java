package org.enclavisor.isa;

/**
 * Where things are in an SSA frame (SDM 3D, “State Save Area (SSA) Frame”): XSAVE area at the start, GPRSGX at the end,
 * MISC just below GPRSGX. All in bytes from the frame's start.
 *
 * @param pages SECS.SSAFRAMESIZE, 1 to {@link #MAX_PAGES}
 * @param miscSelect SECS.MISCSELECT: {@link MiscSelect#EXINFO} or nothing, since no other component is laid out here
 */
public record SsaFrame(int pages, MiscSelect miscSelect) {
  /** A bound of ours, 64 MiB, far above any XSAVE area, that keeps every sum inside an int. */
  public static final int MAX_PAGES = 1 << 14;

  private static final int PAGE = 4096;

  public SsaFrame {
    if (pages < 1 || pages > MAX_PAGES) {
      throw new IllegalArgumentException("pages=" + Integer.toUnsignedString(pages));
    }
    if ((miscSelect.bits() & ~MiscSelect.EXINFO) != 0) {
      throw new IllegalArgumentException("miscSelect=" + miscSelect);
    }
  }

  /** The frame of an enclave with this SSAFRAMESIZE and MISCSELECT. */
  public static SsaFrame of(int pages, MiscSelect miscSelect) {
    return new SsaFrame(pages, miscSelect);
  }

  /** Size of the frame. */
  public int bytes() {
    return pages * PAGE;
  }

  /** Where the XSAVE area begins. */
  public int xsaveOffset() {
    return 0;
  }

  /** How large the XSAVE area may be. */
  public int xsaveCapacity() {
    return miscOffset();
  }

  /** Where GPRSGX begins. */
  public int gprOffset() {
    return bytes() - GprSgx.BYTES;
  }

  /** Where the MISC region begins; it ends where GPRSGX begins. */
  public int miscOffset() {
    return gprOffset() - miscBytes();
  }

  /** Size of the MISC region. */
  public int miscBytes() {
    return miscSelect.has(MiscSelect.EXINFO) ? ExInfo.BYTES : 0;
  }

  /** Where EXINFO begins. Meaningful only where MISCSELECT has it. */
  public int exInfoOffset() {
    return gprOffset() - ExInfo.BYTES;
  }

  /** Whether an XSAVE area of so many bytes, MISC and GPRSGX all have room: the condition of ECREATE. */
  public boolean fits(long xsaveBytes) {
    return xsaveBytes >= 0 && xsaveBytes <= xsaveCapacity();
  }

  /** Where frame {@code index} of the stack at {@code ossa} begins, from the enclave's base. */
  public long offset(long ossa, int index) {
    return ossa + Integer.toUnsignedLong(index) * bytes();
  }
}
