package org.enclavisor.monitor.leaf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.XsaveLayout;
import org.jspecify.annotations.Nullable;

/**
 * XSAVE and XRSTOR between the processor's area, of standard form with all of XCR0, and an SSA frame's, of standard
 * form with XFRM (SDM 1, 13.7 and 13.8). Both areas may be changed by the enclave while they are read: what is checked
 * is what was copied.
 */
final class XsaveArea {
  static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;
  static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;
  static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED;

  /** MXCSR's initial value. */
  static final int MXCSR_INIT = 0x1F80;

  private static final short FCW_INIT = 0x37F;
  private static final int COMPONENTS = 63;
  private static final long X87 = 1;
  private static final long SSE = 2;

  private XsaveArea() {}

  /**
   * Saves what enclave code had in its registers.
   *
   * @param from the processor's area
   * @param memory the enclave's memory
   * @param to where the frame's area begins in it
   */
  static void save(XsaveLayout layout, long xfrm, MemorySegment from, MemorySegment memory, long to) {
    long present = from.get(U64, XsaveLayout.XSTATE_BV) & xfrm;
    if ((present & X87) != 0) {
      MemorySegment.copy(from, 0, memory, to, XsaveLayout.MXCSR);
      MemorySegment.copy(from, XsaveLayout.ST0, memory, to + XsaveLayout.ST0, XsaveLayout.XMM0 - XsaveLayout.ST0);
    } else {
      memory.asSlice(to, XsaveLayout.MXCSR).fill((byte) 0);
      memory.asSlice(to + XsaveLayout.ST0, XsaveLayout.XMM0 - XsaveLayout.ST0).fill((byte) 0);
      memory.set(U16, to, FCW_INIT);
    }
    memory.set(U32, to + XsaveLayout.MXCSR, from.get(U32, XsaveLayout.MXCSR));
    memory.set(U32, to + XsaveLayout.MXCSR_MASK, layout.mxcsrMask());
    region(present & SSE, from, memory, to, XsaveLayout.XMM0, 256);
    memory.set(U64, to + XsaveLayout.XSTATE_BV, present);
    // Bytes 8 to 23 of the header.
    memory.set(U64, to + XsaveLayout.XCOMP_BV, 0);
    memory.set(U64, to + XsaveLayout.XCOMP_BV + 8, 0);
    for (int i = 2; i < COMPONENTS; i++) {
      if ((xfrm & 1L << i) != 0) {
        region(present & 1L << i, from, memory, to, layout.offset(i), layout.size(i));
      }
    }
  }

  private static void region(
      long present, MemorySegment from, MemorySegment memory, long to, int offset, int bytes) {
    if (present != 0) {
      MemorySegment.copy(from, offset, memory, to + offset, bytes);
    } else {
      memory.asSlice(to + offset, bytes).fill((byte) 0);
    }
  }

  /**
   * Brings a saved state to the processor's area, from where it is loaded at the next entry.
   *
   * @return #GP(0) if XRSTOR would not take it
   */
  static Outcome.@Nullable Fault restore(
      XsaveLayout layout, long xfrm, MemorySegment memory, long from, MemorySegment to) {
    long present = memory.get(U64, from + XsaveLayout.XSTATE_BV);
    if ((present & ~xfrm) != 0) {
      return Outcome.gp("XSTATE_BV=0x%x in the SSA: expected a subset of XFRM=0x%x".formatted(present, xfrm));
    }
    if (memory.get(U64, from + XsaveLayout.XCOMP_BV) != 0 || memory.get(U64, from + XsaveLayout.XCOMP_BV + 8) != 0) {
      return Outcome.gp("bytes 8 to 23 of the XSAVE header in the SSA are not zero");
    }
    int mxcsr = memory.get(U32, from + XsaveLayout.MXCSR);
    if ((mxcsr & ~layout.mxcsrMask()) != 0) {
      return Outcome.gp("MXCSR=0x%x in the SSA has reserved bits set".formatted(mxcsr));
    }
    if ((present & X87) != 0) {
      MemorySegment.copy(memory, from, to, 0, XsaveLayout.MXCSR);
      MemorySegment.copy(memory, from + XsaveLayout.ST0, to, XsaveLayout.ST0, XsaveLayout.XMM0 - XsaveLayout.ST0);
    }
    to.set(U32, XsaveLayout.MXCSR, mxcsr);
    if ((present & SSE) != 0) {
      MemorySegment.copy(memory, from + XsaveLayout.XMM0, to, XsaveLayout.XMM0, 256);
    }
    for (int i = 2; i < COMPONENTS; i++) {
      if ((present & 1L << i) != 0) {
        MemorySegment.copy(memory, from + layout.offset(i), to, layout.offset(i), layout.size(i));
      }
    }
    to.set(U64, XsaveLayout.XSTATE_BV, present);
    for (long at = XsaveLayout.XCOMP_BV; at < XsaveLayout.LEGACY_AND_HEADER; at += Long.BYTES) {
      to.set(U64, at, 0);
    }
    return null;
  }

  /** The initial configuration of the x87 state, in an area that is otherwise zero. */
  static void initialX87(MemorySegment area) {
    area.set(U16, 0, FCW_INIT);
  }
}
