package org.enclavisor.monitor.epc;

import org.enclavisor.monitor.spi.Machine;

/**
 * Where the state components are in an XSAVE area of standard form (SDM 1, 13.4; CPUID.0DH). The places are the same
 * for every XFRM, only the length differs, so that an area can be copied component by component.
 *
 * <p>Immutable, thread-safe.
 */
public final class XsaveLayout {
  /** Bytes of legacy region and header. */
  public static final int LEGACY_AND_HEADER = 576;

  /** Offset of MXCSR. */
  public static final int MXCSR = 24;

  /** Offset of MXCSR_MASK. */
  public static final int MXCSR_MASK = 28;

  /** Offset of ST0; XMM0 follows 128 bytes later. */
  public static final int ST0 = 32;

  /** Offset of XMM0. */
  public static final int XMM0 = 160;

  /** Offset of XSTATE_BV. */
  public static final int XSTATE_BV = 512;

  /** Offset of XCOMP_BV. */
  public static final int XCOMP_BV = 520;

  private static final int COMPONENTS = 63;
  private static final int CPUID_XSAVE = 0xD;

  private final long xcr0;
  private final int mxcsrMask;
  private final int[] offsets = new int[COMPONENTS];
  private final int[] sizes = new int[COMPONENTS];

  private XsaveLayout(long xcr0, int mxcsrMask) {
    this.xcr0 = xcr0;
    this.mxcsrMask = mxcsrMask;
  }

  /**
   * By the machine's CPUID.
   *
   * @throws IllegalArgumentException if the machine contradicts itself
   */
  public static XsaveLayout of(Machine machine) {
    // MISALIGNSSE (CPUID.80000001H:ECX[7], AMD only) is what makes bit 17 of MXCSR legal.
    boolean misaligned = (machine.cpuid(0x80000001, 0).ecx() & 1 << 7) != 0;
    XsaveLayout layout = new XsaveLayout(machine.xcr0(), 0xFFFF | (misaligned ? 1 << 17 : 0));
    for (int i = 2; i < COMPONENTS; i++) {
      if ((layout.xcr0 & 1L << i) != 0) {
        Machine.CpuidResult result = machine.cpuid(CPUID_XSAVE, i);
        long end = Integer.toUnsignedLong(result.eax()) + Integer.toUnsignedLong(result.ebx());
        if (result.ebx() < LEGACY_AND_HEADER || end > machine.xsaveBytes()) {
          throw new IllegalArgumentException(
              "CPUID.0DH.%d: offset=%d size=%d: expected inside an XSAVE area of %d bytes"
                  .formatted(i, result.ebx(), result.eax(), machine.xsaveBytes()));
        }
        layout.offsets[i] = result.ebx();
        layout.sizes[i] = result.eax();
      }
    }
    return layout;
  }

  /** XCR0 of the machine. */
  public long xcr0() {
    return xcr0;
  }

  /** The bits that MXCSR may have. */
  public int mxcsrMask() {
    return mxcsrMask;
  }

  /** Offset of component 2 or above. */
  public int offset(int component) {
    return offsets[component];
  }

  /** Bytes of component 2 or above; 0 where XCR0 does not have it. */
  public int size(int component) {
    return sizes[component];
  }

  /** Bytes of an area with these components. */
  public int bytes(long xfrm) {
    int end = LEGACY_AND_HEADER;
    for (int i = 2; i < COMPONENTS; i++) {
      if ((xfrm & 1L << i) != 0) {
        end = Math.max(end, offsets[i] + sizes[i]);
      }
    }
    return end;
  }

  /**
   * Whether XSETBV would accept this value on the machine (SDM 1, 13.3), which is what “XFRM is illegal” asks: x87 is
   * set, AVX needs SSE, MPX, AVX-512 and AMX come whole, and nothing is set that XCR0 does not have.
   */
  public boolean legal(long xfrm) {
    return (xfrm & 1) != 0
        && (xfrm & ~xcr0) == 0
        && ((xfrm & 4) == 0 || (xfrm & 2) != 0)
        && whole(xfrm, 0x18)
        && whole(xfrm, 0xE0)
        && ((xfrm & 0xE0) == 0 || (xfrm & 4) != 0)
        && whole(xfrm, 0x60000);
  }

  private static boolean whole(long xfrm, long group) {
    return (xfrm & group) == 0 || (xfrm & group) == group;
  }
}
