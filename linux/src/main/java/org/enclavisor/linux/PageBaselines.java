package org.enclavisor.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * What the kernel charges for what becomes of single pages, in memory of this process's own that is shared as an
 * ELRANGE is, for the benchmark to compare with. Medians, in cycles of the time-stamp counter, of single operations
 * called from Java. Confined to one thread.
 */
public final class PageBaselines implements AutoCloseable {
  private static final int PAGES = 64;
  private static final int PAGE = Kernel.PAGE;

  private final Arena arena = Arena.ofShared();
  private final double cyclesPerNano;
  private final int file;
  private final MemorySegment memory;

  /** @param cyclesPerNano of the time-stamp counter */
  public PageBaselines(double cyclesPerNano) {
    this.cyclesPerNano = cyclesPerNano;
    this.file = Kernel.memfd("enclavisor-baseline", (long) PAGES * PAGE);
    this.memory = Kernel.mapShared(file, (long) PAGES * PAGE, arena);
  }

  /** One operation on a page. */
  private interface Operation {
    void on(long offset, int round);
  }

  private double median(int rounds, Operation before, Operation measured) {
    long[] nanos = new long[rounds];
    for (int i = 0; i < rounds; i++) {
      long offset = (2L * i + 1) % PAGES * PAGE; // its neighbours are of another kind
      before.on(offset, i);
      long start = System.nanoTime();
      measured.on(offset, i);
      nanos[i] = System.nanoTime() - start;
    }
    Arrays.sort(nanos);
    return nanos[rounds / 2] * cyclesPerNano;
  }

  private void touch(long offset) {
    memory.set(ValueLayout.JAVA_BYTE, offset, (byte) 1);
  }

  private void protect(long offset, int protection) {
    // SAFETY: memory of this object's own, which this thread alone touches, and only while it can.
    Kernel.check("mprotect", Kernel.raw(Syscall.MPROTECT, memory.address() + offset, PAGE, protection));
  }

  /** mprotect(2) that takes a page away that was just written: a shoot-down. */
  public double takeAway(int rounds) {
    return median(
        rounds,
        (offset, round) -> {
          protect(offset, Kernel.PROT_READ | Kernel.PROT_WRITE);
          touch(offset);
        },
        (offset, round) -> protect(offset, Kernel.PROT_NONE));
  }

  /** mprotect(2) that gives it back. */
  public double giveBack(int rounds) {
    return median(
        rounds,
        (offset, round) -> protect(offset, Kernel.PROT_NONE),
        (offset, round) -> protect(offset, Kernel.PROT_READ | Kernel.PROT_WRITE));
  }

  /** fallocate(2) that frees a page that was written, which every mapping loses. */
  public double punch(int rounds) {
    open();
    return median(rounds, (offset, round) -> touch(offset), (offset, round) -> Kernel.punchHole(file, offset, PAGE));
  }

  /** The first write to a page that is not there. */
  public double firstTouch(int rounds) {
    open();
    return median(rounds, (offset, round) -> Kernel.punchHole(file, offset, PAGE), (offset, round) -> touch(offset));
  }

  private void open() {
    for (long offset = 0; offset < memory.byteSize(); offset += PAGE) {
      protect(offset, Kernel.PROT_READ | Kernel.PROT_WRITE);
    }
  }

  @Override
  public void close() {
    arena.close();
    Kernel.close(file);
  }
}
