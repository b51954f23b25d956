package org.enclavisor.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpace.Range;
import org.enclavisor.monitor.spi.AddressSpaceLayout;

/**
 * Measures how much more it costs to take pages away from an enclave process than to do the same in one's own: the
 * median, and what one in ten does not reach, for others on the machine disturb upwards only; single operations, the
 * two kinds in turn, on touched pages of shared memory with neighbours of another kind.
 */
public final class ShootDownBench {
  private static final int SAMPLES = 2_000;
  private static final int PAGE = Kernel.PAGE;
  private static final long BYTES = 1 << 22;

  private ShootDownBench() {}

  public static void main(String[] arguments) {
    for (WaitPolicy policy : WaitPolicy.values()) {
      try (var platform = StubPlatform.open(StubOptions.DEFAULT.waiting(policy));
          var space = platform.create(new AddressSpaceLayout(0, BYTES, 0, 1)); Arena arena = Arena.ofShared()) {
        int file = Kernel.memfd("own", BYTES);
        var own = Kernel.mapShared(file, BYTES, arena);
        for (long page = 0; page < BYTES; page += PAGE) {
          own.set(ValueLayout.JAVA_BYTE, page, (byte) 1);
          space.enclave().set(ValueLayout.JAVA_BYTE, page, (byte) 1);
        }
        space.protect(0, BYTES, Permissions.RW);
        for (int batch : new int[] {1, 4, 16, 64}) {
          compare(policy, space, own.address(), batch, 0);
        }
        compare(policy, space, own.address(), 1, 1_000_000);
        standStill(space);
        marks(space);
        Kernel.close(file);
      }
    }
  }

  /** @param pause nanoseconds between two operations, in which the other side may fall asleep */
  private static void compare(WaitPolicy policy, AddressSpace space, long own, int batch, long pause) {
    long[] kernel = new long[pause > 0 ? SAMPLES / 4 : SAMPLES];
    long[] ours = new long[kernel.length];
    for (int i = 0; i < kernel.length; i++) {
      boolean down = i % 2 == 0;
      List<Range> ranges = new ArrayList<>();
      for (int p = 0; p < batch; p++) {
        ranges.add(new Range((2L * p + 1) * PAGE, PAGE, down ? Permissions.NONE : Permissions.RW));
      }
      idle(pause);
      long start = System.nanoTime();
      for (Range range : ranges) {
        // SAFETY: memory of this benchmark's own, which nobody touches.
        Kernel.raw(Syscall.MPROTECT, own + range.offset(), PAGE, range.permissions().bits());
      }
      kernel[i] = System.nanoTime() - start;
      idle(pause);
      start = System.nanoTime();
      space.protect(ranges);
      ours[i] = System.nanoTime() - start;
    }
    Arrays.sort(kernel);
    Arrays.sort(ours);
    for (int percent : new int[] {10, 50}) {
      double k = kernel[kernel.length * percent / 100] / 1000.0 / batch;
      double o = ours[ours.length * percent / 100] / 1000.0 / batch;
      System.out.printf(
          "%-9s %2d pages, %4d us between, %d %%: kernel %.2f us, protect %.2f us, more: %.2f us a page%n",
          policy, batch, pause / 1000, percent, k, o, o - k);
    }
  }

  private static void standStill(AddressSpace space) {
    long[] nanos = new long[SAMPLES / 4];
    for (int i = 0; i < nanos.length; i++) {
      long start = System.nanoTime();
      space.quiesce();
      space.resume();
      nanos[i] = System.nanoTime() - start;
    }
    Arrays.sort(nanos);
    System.out.printf("stand still and go on: %.1f us%n", nanos[nanos.length / 2] / 1000.0);
  }

  private static void marks(AddressSpace space) {
    long first = System.nanoTime();
    space.mark();
    first = System.nanoTime() - first;
    long[] marks = new long[SAMPLES / 4];
    long[] writes = new long[marks.length];
    for (int i = 0; i < marks.length; i++) {
      long start = System.nanoTime();
      for (long page = 0; page < 64 * PAGE; page += PAGE) {
        space.enclave().set(ValueLayout.JAVA_BYTE, page, (byte) i);
      }
      writes[i] = System.nanoTime() - start;
      start = System.nanoTime();
      space.mark();
      marks[i] = System.nanoTime() - start;
    }
    Arrays.sort(marks);
    Arrays.sort(writes);
    System.out.printf(
        "%d pages: first mark %.0f us, mark after 64 were written %.0f us, first write to a page after it %.2f us%n",
        BYTES / PAGE, first / 1000.0, marks[marks.length / 2] / 1000.0, writes[writes.length / 2] / 64000.0);
  }

  private static void idle(long nanos) {
    long end = System.nanoTime() + nanos;
    while (nanos > 0 && System.nanoTime() < end) {
      Thread.onSpinWait();
    }
  }
}
