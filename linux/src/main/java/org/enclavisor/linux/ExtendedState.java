package org.enclavisor.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A logical processor's copy of its extended state, in the standard form of XSAVE (SDM volume 1, 13.4). */
final class ExtendedState {
  private static final int MXCSR = 24;
  private static final int MXCSR_MASK = 28;
  private static final int SOFTWARE_BYTES = 464;
  private static final int HEADER = 512;
  private static final int HEADER_BYTES = 64;
  private static final int X87_CONTROL_DEFAULT = 0x037F;
  private static final int MXCSR_DEFAULT = 0x1F80;

  private final MemorySegment state;
  private final long components;
  private final int mxcsrBits;

  /** The state that a processor starts with. */
  ExtendedState(LinuxMachine machine) {
    state = Arena.ofAuto().allocate(machine.xsaveBytes(), 64);
    components = machine.xcr0();
    mxcsrBits = machine.mxcsrBits();
    reset();
  }

  /** Makes it that state again. */
  void reset() {
    state.fill((byte) 0);
    state.set(JAVA_INT, 0, X87_CONTROL_DEFAULT);
    state.set(JAVA_INT, MXCSR, MXCSR_DEFAULT);
  }

  MemorySegment segment() {
    return state;
  }

  /** Takes over what the kernel has put on a signal stack. Its own marks in the unused bytes are left out. */
  void loadFrom(MemorySegment frame) {
    state.copyFrom(frame);
    state.asSlice(SOFTWARE_BYTES, HEADER - SOFTWARE_BYTES).fill((byte) 0);
    state.set(JAVA_INT, MXCSR_MASK, 0);
    state.set(JAVA_LONG, HEADER, state.get(JAVA_LONG, HEADER) & components);
    state.asSlice(HEADER + 8, HEADER_BYTES - 8).fill((byte) 0);
  }

  /** Whether XRSTOR would load it (SDM volume 1, 13.8.1); if not, its #GP would come to the stub instead. */
  boolean isLoadable() {
    if ((state.get(JAVA_LONG, HEADER) & ~components) != 0 || (state.get(JAVA_INT, MXCSR) & ~mxcsrBits) != 0) {
      return false;
    }
    for (int offset = HEADER + 8; offset < HEADER + HEADER_BYTES; offset += 8) {
      if (state.get(JAVA_LONG, offset) != 0) {
        return false;
      }
    }
    return true;
  }

  void storeTo(MemorySegment area) {
    area.copyFrom(state);
  }
}
