package org.enclavisor.linux.ptrace;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.enclavisor.linux.LinuxMachine;

/**
 * A thread's extended state between the kernel's form, that of NT_X86_XSTATE, and the standard form of XSAVE that the
 * monitor sees (SDM 1, 13.4). They differ in three ways: the kernel may have components that enclaves do not get; it
 * uses bytes of the legacy region that software may use; and it takes MXCSR only if XSTATE_BV names SSE or AVX, where
 * XRSTOR always does. Confined to the tracer.
 */
final class ExtendedArea {
  private static final int MXCSR = 24;
  private static final int XMM = 160;
  private static final int XMM_BYTES = 256;
  private static final int SOFTWARE = 464;
  private static final int XSTATE_BV = 512;
  private static final int XCOMP_BV = 520;
  private static final int HEADER_END = 576;
  private static final long SSE = 2;
  /** More than any area: AMX, the largest, needs 11 KiB. */
  private static final int MOST = 1 << 16;

  private static final long XCR0 = LinuxMachine.INSTANCE.xcr0();

  private final Ptrace ptrace;
  private final int tid;
  /** As the kernel gave it last. */
  private final MemorySegment kept;

  private final MemorySegment initial;
  private final MemorySegment work;

  /** Of a thread that has not run yet: what it has now is the initial state. */
  ExtendedArea(Arena arena, Ptrace ptrace, int tid) {
    this.ptrace = ptrace;
    this.tid = tid;
    int bytes;
    try (Arena probe = Arena.ofConfined()) {
      bytes = ptrace.readExtended(tid, probe.allocate(MOST, 64));
    }
    kept = arena.allocate(bytes, 64);
    initial = arena.allocate(bytes, 64);
    work = arena.allocate(bytes, 64);
    ptrace.readExtended(tid, initial);
  }

  /** Keeps the thread's state, and writes it to an area in standard form. */
  void capture(MemorySegment area) {
    ptrace.readExtended(tid, kept);
    standard(kept, area);
  }

  /** Writes the initial state to an area in standard form. */
  void initial(MemorySegment area) {
    standard(initial, area);
  }

  private static void standard(MemorySegment kernels, MemorySegment area) {
    MemorySegment.copy(kernels, 0, area, 0, Math.min(kernels.byteSize(), area.byteSize()));
    area.asSlice(SOFTWARE, XSTATE_BV - SOFTWARE).fill((byte) 0);
    area.set(JAVA_LONG, XSTATE_BV, area.get(JAVA_LONG, XSTATE_BV) & XCR0);
    area.asSlice(XCOMP_BV, HEADER_END - XCOMP_BV).fill((byte) 0);
  }

  /** Gives the thread back what was kept. */
  void restore() {
    ptrace.writeExtended(tid, kept);
  }

  /** Makes the initial state the one to restore. */
  void reset() {
    kept.copyFrom(initial);
  }

  /** Loads an area in standard form, made up by an enclave perhaps; false is XRSTOR's #GP. */
  boolean load(MemorySegment area) {
    work.fill((byte) 0);
    MemorySegment.copy(area, 0, work, 0, Math.min(work.byteSize(), area.byteSize()));
    long present = work.get(JAVA_LONG, XSTATE_BV);
    if ((present & ~XCR0) != 0) {
      return false;
    }
    for (int offset = XCOMP_BV; offset < HEADER_END; offset += 8) {
      if (work.get(JAVA_LONG, offset) != 0) {
        return false;
      }
    }
    work.asSlice(SOFTWARE, XSTATE_BV - SOFTWARE).fill((byte) 0);
    if ((present & SSE) == 0) {
      work.asSlice(XMM, XMM_BYTES).fill((byte) 0);
      work.set(JAVA_LONG, XSTATE_BV, present | SSE);
    }
    return ptrace.writeExtended(tid, work);
  }

  @Override
  public String toString() {
    return "mxcsr=%x xstate_bv=%x".formatted(kept.get(JAVA_INT, MXCSR), kept.get(JAVA_LONG, XSTATE_BV));
  }
}
