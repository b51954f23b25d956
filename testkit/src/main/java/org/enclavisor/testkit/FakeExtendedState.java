package org.enclavisor.testkit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;

/**
 * The extended state of a fake processor, kept in the standard form of XSAVE (SDM 1, 13.4): the legacy region, the
 * header, the upper halves of the YMM registers. Confined to the thread that is in {@code enter}.
 */
final class FakeExtendedState {
  static final int HEADER = 512;
  static final int AVX = 576;
  static final int BYTES = AVX + 256;
  private static final int MXCSR = 24;
  private static final int MXCSR_MASK = 28;
  private static final int XMM = 160;
  /** The bits of MXCSR that exist. */
  private static final int MXCSR_BITS = 0xffff;

  private static final int MXCSR_START = 0x1f80;
  private static final short FCW_START = 0x37f;

  /** The registers themselves. */
  private final MemorySegment live = MemorySegment.ofArray(new byte[BYTES]);

  FakeExtendedState() {
    live.set(JAVA_SHORT_UNALIGNED, 0, FCW_START);
    live.set(JAVA_INT_UNALIGNED, MXCSR, MXCSR_START);
    live.set(JAVA_INT_UNALIGNED, MXCSR_MASK, MXCSR_BITS);
    live.set(JAVA_LONG_UNALIGNED, HEADER, 7);
  }

  /** XSAVE. */
  void save(MemorySegment area) {
    area.copyFrom(live);
  }

  /** XRSTOR: components that XSTATE_BV leaves out get their initial state. False is its #GP; then nothing changed. */
  boolean load(MemorySegment area) {
    long present = area.get(JAVA_LONG_UNALIGNED, HEADER);
    int mxcsr = area.get(JAVA_INT_UNALIGNED, MXCSR);
    if ((present & ~7) != 0 || (mxcsr & ~MXCSR_BITS) != 0) {
      return false;
    }
    for (int i = 8; i < 64; i += 8) {
      if (area.get(JAVA_LONG_UNALIGNED, HEADER + i) != 0) {
        return false;
      }
    }
    var initial = new FakeExtendedState().live;
    take((present & 1) != 0 ? area : initial, 0, MXCSR);
    take((present & 1) != 0 ? area : initial, 32, XMM - 32);
    take(area, MXCSR, 4); // whatever XSTATE_BV says (SDM 1, 13.8.1)
    take((present & 2) != 0 ? area : initial, XMM, 256);
    take((present & 4) != 0 ? area : initial, AVX, 256);
    return true;
  }

  private void take(MemorySegment from, int offset, int length) {
    MemorySegment.copy(from, offset, live, offset, length);
  }

  int mxcsr() {
    return live.get(JAVA_INT_UNALIGNED, MXCSR);
  }

  /** False is LDMXCSR's #GP. */
  boolean mxcsr(int value) {
    if ((value & ~MXCSR_BITS) != 0) {
      return false;
    }
    live.set(JAVA_INT_UNALIGNED, MXCSR, value);
    return true;
  }

  short fcw() {
    return live.get(JAVA_SHORT_UNALIGNED, 0);
  }

  void fcw(short value) {
    live.set(JAVA_SHORT_UNALIGNED, 0, value);
  }

  byte ymm(int register, int index) {
    return live.get(JAVA_BYTE, at(register, index));
  }

  void ymm(int register, int index, byte value) {
    live.set(JAVA_BYTE, at(register, index), value);
  }

  /** The low 64 bits of an XMM register. */
  long low(int register) {
    return live.get(JAVA_LONG_UNALIGNED, at(register, 0));
  }

  void low(int register, long value) {
    live.set(JAVA_LONG_UNALIGNED, at(register, 0), value);
  }

  private static int at(int register, int index) {
    return index < 16 ? XMM + 16 * register + index : AVX + 16 * register + index - 16;
  }
}
