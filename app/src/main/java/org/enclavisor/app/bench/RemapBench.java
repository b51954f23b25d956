package org.enclavisor.app.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.enclavisor.isa.Permissions;
import org.enclavisor.linux.PageBaselines;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpace.Range;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.Registers;

/**
 * What it costs to take pages away from a process that is another's, beside the kernel's own operation in one's own:
 * what every shoot-down rests on. All pages have been touched, and lie between pages of another kind.
 */
final class RemapBench {
  private static final String GROUP = "page tables";
  private static final int PAGE = 4096;
  private static final int PAGES = 64;
  private static final int SAMPLES = 101;
  private static final double TARGET_NANOS = 2_000;
  private static final long FIRST = 0x10_0000;

  /** loop: mov [rbx], rax; add rbx, 0x2000; sub rcx, 1; jnz loop; mov eax, 4; enclu. */
  private static final String TOUCH = "4889034881c3002000004883e90175f0b8040000000f01d7";

  private final Clock clock;
  private final Platform platform;
  private final PageBaselines kernel;

  RemapBench(Clock clock, Platform platform, PageBaselines kernel) {
    this.clock = clock;
    this.platform = platform;
    this.kernel = kernel;
  }

  List<Row> run() {
    List<Row> rows = new ArrayList<>();
    try (AddressSpace space = platform.create(new AddressSpaceLayout(0, 1 << 21, PAGE, 1))) {
      byte[] code = HexFormat.of().parseHex(TOUCH);
      MemorySegment.copy(code, 0, space.enclave(), ValueLayout.JAVA_BYTE, 0, code.length);
      space.protect(0, PAGE, Permissions.RX);
      for (int batch : new int[] {1, 4, 16, PAGES}) {
        measure(space, batch, rows);
      }
    }
    return rows;
  }

  private void measure(AddressSpace space, int batch, List<Row> rows) {
    double[] own = new double[SAMPLES];
    double[] theirs = new double[SAMPLES];
    double[] more = new double[SAMPLES];
    for (int sample = -SAMPLES / 2; sample < SAMPLES; sample++) {
      space.protect(FIRST, 2L * PAGES * PAGE, Permissions.RW);
      touch(space);
      double kernelNanos = clock.nanos(kernel.takeAway(PAGES));
      double[] orders = new double[PAGES / batch];
      for (int order = 0; order < orders.length; order++) {
        List<Range> ranges = new ArrayList<>(batch);
        for (int i = 0; i < batch; i++) {
          ranges.add(new Range(FIRST + 2L * (order * batch + i) * PAGE, PAGE, Permissions.NONE));
        }
        long start = System.nanoTime();
        space.protect(ranges);
        orders[order] = (double) (System.nanoTime() - start) / batch;
      }
      if (sample >= 0) {
        own[sample] = kernelNanos;
        theirs[sample] = Clock.median(orders);
        more[sample] = theirs[sample] - own[sample];
      }
    }
    Row baseline = clock.row(GROUP, "mprotect(2) of a page, the kernel's own", Clock.median(own));
    if (rows.isEmpty()) {
      rows.add(baseline);
    }
    String name = batch == 1 ? "a page taken away" : "a page taken away, with " + (batch - 1) + " others";
    rows.add(
        clock
            .row(GROUP, name, Clock.median(theirs))
            .with(new Row.Ratio(Clock.median(more) / TARGET_NANOS, "2 µs, above " + baseline.name(), 1)));
  }

  /** By enclave code, on a processor that is closed again, for one that spins would be in the way. */
  private static void touch(AddressSpace space) {
    try (LogicalProcessor processor = space.processor()) {
      Registers registers = new Registers();
      registers.rip = space.enclaveBase();
      registers.rbx = space.enclaveBase() + FIRST;
      registers.rcx = PAGES;
      Exit exit = processor.enter(registers, Extended.KEEP);
      if (!exit.equals(Exit.Enclu.INSTANCE)) {
        throw new IllegalStateException("the pages could not be touched: " + exit);
      }
    }
  }
}
