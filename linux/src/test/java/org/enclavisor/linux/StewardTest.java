package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpace.Range;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.testkit.Seeded;
import org.junit.jupiter.api.Test;

/** Orders, however they come to the steward: asleep, spinning, or on its way from one to the other. */
class StewardTest {
  private static final int PAGES = 64;

  /** What the kernel says of each page of the ELRANGE. */
  private static List<String> permissions(StubAddressSpace space) throws IOException {
    var runs = new TreeMap<Long, String>();
    for (String line : Files.readAllLines(Path.of("/proc/" + space.pid() + "/maps"))) {
      runs.put(Long.parseUnsignedLong(line.substring(0, line.indexOf('-')), 16), line.split(" ")[1].substring(0, 3));
    }
    var pages = new ArrayList<String>();
    for (int page = 0; page < PAGES; page++) {
      pages.add(runs.floorEntry(space.enclaveBase() + (long) page * Kernel.PAGE).getValue());
    }
    return pages;
  }

  private static void pause(long nanos) {
    long end = System.nanoTime() + nanos;
    while (System.nanoTime() < end) {
      Thread.onSpinWait();
    }
  }

  @Test
  void whatIsOrderedIsWhatTheKernelHas() throws IOException {
    for (WaitPolicy policy : WaitPolicy.values()) {
      var seeded = Seeded.named("whatIsOrderedIsWhatTheKernelHas");
      try (var platform = StubPlatform.open(StubOptions.DEFAULT.waiting(policy));
          var space = (StubAddressSpace)
              platform.create(new AddressSpaceLayout(0, (long) PAGES * Kernel.PAGE, 4096, 40))) {
        var model = new ArrayList<>(java.util.Collections.nCopies(PAGES, Permissions.NONE));
        for (int i = 0; i < 3000; i++) {
          var ranges = new ArrayList<Range>();
          int count = seeded.chance(0.02) ? 250 : seeded.below(4);
          for (int r = 0; r < count; r++) {
            int from = seeded.below(PAGES);
            int length = 1 + seeded.below(Math.min(3, PAGES - from));
            var permissions = Permissions.of(seeded.oneOf(List.of(0L, 1L, 3L, 5L)));
            ranges.add(new Range((long) from * Kernel.PAGE, (long) length * Kernel.PAGE, permissions));
            model.subList(from, from + length).replaceAll(old -> permissions);
          }
          space.protect(ranges);
          if (i % 97 == 0) {
            space.quiesce();
            assertThat(permissions(space)).isEqualTo(model.stream().map(Permissions::toString).toList());
            space.resume();
          } else if (i % 101 == 0) {
            space.processor(); // a single order, and a new thread
          } else if (seeded.chance(0.3)) {
            pause(1000L * seeded.below(seeded.chance(0.5) ? 60 : 200));
          } else if (i % 29 == 0) {
            assertThat(permissions(space)).isEqualTo(model.stream().map(Permissions::toString).toList());
          }
        }
      }
    }
  }

  @Test
  void aTableEndsWhereTheKernelRefuses() {
    try (var platform = StubPlatform.open();
        var space = (StubAddressSpace) platform.create(new AddressSpaceLayout(0, 1 << 20, 4096, 1))) {
      long base = space.enclaveBase();
      for (int i = 0; i < 50; i++) { // asleep at first, then spinning
        var calls = new ArrayList<Steward.Call>();
        for (int page = 0; page < 150; page++) {
          calls.add(new Steward.Call(Syscall.MPROTECT, base + (long) page * Kernel.PAGE, Kernel.PAGE, i & 1));
        }
        assertThat(space.steward().carryOut(calls)).isEqualTo(new Steward.Done(150, 0));
        int bad = (i * 37) % 150;
        calls.set(bad, new Steward.Call(Syscall.MPROTECT, base + 1, Kernel.PAGE, 0));
        assertThat(space.steward().carryOut(calls)).isEqualTo(new Steward.Done(bad, -Errno.EINVAL));
      }
    }
  }

  @Test
  void ordersFromManyThreads() throws InterruptedException {
    try (var platform = StubPlatform.open();
        var space = platform.create(new AddressSpaceLayout(0, 1 << 20, 4096, 1))) {
      var threads = new ArrayList<Thread>();
      var failures = new java.util.concurrent.ConcurrentLinkedQueue<Throwable>();
      for (int t = 0; t < 4; t++) {
        long page = t * 16L * Kernel.PAGE;
        threads.add(Thread.ofPlatform().start(() -> {
          try {
            for (int i = 0; i < 500; i++) {
              space.protect(page, Kernel.PAGE, i % 2 == 0 ? Permissions.RW : Permissions.NONE);
            }
          } catch (RuntimeException | Error e) {
            failures.add(e);
          }
        }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(failures).isEmpty();
    }
  }
}
