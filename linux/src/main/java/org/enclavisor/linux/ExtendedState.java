package org.enclavisor.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.enclavisor.monitor.spi.Machine;

/**
 * A logical processor's copy of its extended state, in the standard form of XSAVE (SDM volume 1, 13.4). Whatever it
 * holds, {@link #storeTo} makes of it a state that XRSTOR loads without a fault.
 */
final class ExtendedState {
  private static final int MXCSR = 24;
  private static final int MXCSR_MASK = 28;
  private static final int SOFTWARE_BYTES = 464;
  private static final int HEADER = 512;
  private static final int HEADER_BYTES = 64;
  private static final int X87_CONTROL_DEFAULT = 0x037F;
  private static final int MXCSR_DEFAULT = 0x1F80;

  /** The bits that every x86-64 processor has, DAZ among them. */
  private static final int MXCSR_BITS = 0xFFFF;

  private final MemorySegment state;
  private final long components;

  ExtendedState(Machine machine) {
    state = Arena.ofAuto().allocate(machine.xsaveBytes(), 64);
    components = machine.xcr0();
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
    clean(state);
  }

  void storeTo(MemorySegment area) {
    area.copyFrom(state);
    clean(area);
  }

  private void clean(MemorySegment area) {
    area.set(JAVA_LONG, HEADER, area.get(JAVA_LONG, HEADER) & components);
    area.asSlice(HEADER + 8, HEADER_BYTES - 8).fill((byte) 0);
    area.set(JAVA_INT, MXCSR, area.get(JAVA_INT, MXCSR) & MXCSR_BITS);
  }
}
