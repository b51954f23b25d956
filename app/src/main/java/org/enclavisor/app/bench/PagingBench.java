package org.enclavisor.app.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.EpcLimit;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.RangeOutcome;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Platform;

/** What an enclave pays for an EPC of half its size, and for changing its pages while it runs. */
final class PagingBench {
  private static final String PAGING = "paging";
  private static final String DYNAMIC = "dynamic memory";
  private static final int PAGE = VisitorEnclave.PAGE;
  private static final int HEAP = 2048;
  private static final int VISITS = 1 << 13;
  private static final int SAMPLES = 7;
  private static final int WARM_UPS = 30;
  private static final double QUICK_NANOS = 2_000;

  private final Clock clock;
  private final Platform platform;
  private final VisitorEnclave enclave;

  PagingBench(Clock clock, Platform platform) {
    this.clock = clock;
    this.platform = platform;
    this.enclave = new VisitorEnclave(HEAP, platform.machine().xcr0());
  }

  /** Which page comes next. */
  private interface Pattern {
    int page(Random random, int step);
  }

  List<Row> run() {
    List<Row> rows = new ArrayList<>();
    pattern(rows, "in sequence", (_, step) -> step % HEAP);
    pattern(rows, "at random", (random, _) -> random.nextInt(HEAP));
    // A page's share falls with its rank; half of the EPC's pages get about nine visits of ten.
    pattern(rows, "Zipf", (random, _) -> (int) Math.min(HEAP - 1, Math.exp(random.nextDouble() * Math.log(HEAP))));
    dynamic(rows);
    return rows;
  }

  private void pattern(List<Row> rows, String name, Pattern pattern) {
    Row free = visits(name + ", an EPC without a limit", MonitorConfig.defaults(), pattern);
    Row half =
        visits(name + ", an EPC of half the enclave", MonitorConfig.defaults().withEpc(EpcLimit.of(HEAP / 2)), pattern);
    rows.add(free);
    rows.add(half.against(free));
  }

  private Row visits(String name, MonitorConfig config, Pattern pattern) {
    double[] nanos = new double[SAMPLES];
    Random random = new Random(1);
    try (Monitor monitor = new Monitor(platform, config); VisitorEnclave.Loaded loaded = enclave.load(monitor)) {
      for (int sample = -2; sample < SAMPLES; sample++) {
        long[] offsets = new long[VISITS];
        for (int step = 0; step < VISITS; step++) {
          offsets[step] = VisitorEnclave.HEAP + (long) pattern.page(random, step) * PAGE;
        }
        loaded.list(offsets);
        long start = System.nanoTime();
        loaded.visit(VISITS);
        if (sample >= 0) {
          nanos[sample] = (double) (System.nanoTime() - start) / VISITS;
        }
      }
    }
    return clock.row(PAGING, "a visit " + name, Clock.median(nanos));
  }

  private void dynamic(List<Row> rows) {
    int pages = 120;
    double[] grow = new double[SAMPLES];
    double[] touch = new double[SAMPLES];
    double[] again = new double[SAMPLES];
    double[] restrict = new double[SAMPLES];
    double[] protect = new double[SAMPLES];
    for (int sample = -WARM_UPS; sample < SAMPLES; sample++) {
      try (Monitor monitor = new Monitor(platform, MonitorConfig.defaults());
          VisitorEnclave.Loaded loaded = enclave.load(monitor);
          AddressSpace space = platform.create(new AddressSpaceLayout(0, 1 << 21, PAGE, 1))) {
        long[] offsets = new long[pages];
        for (int i = 0; i < pages; i++) {
          // Far enough apart that the access of one is not given along with its neighbour's.
          offsets[i] = VisitorEnclave.later(HEAP) + 17L * i * PAGE;
        }
        loaded.list(offsets);
        double accepted = time(pages, () -> loaded.accept(pages));
        double touched = time(pages, () -> loaded.visit(pages));
        double visited = time(pages, () -> loaded.visit(pages));
        double restricted = time(pages, () -> {
          for (long offset : offsets) {
            RangeOutcome outcome = monitor.restrictPermissions(loaded.id(), offset, PAGE, Permissions.R);
            if (!outcome.ok()) {
              throw new IllegalStateException(outcome.reason());
            }
          }
        });
        for (int i = 0; i < pages; i++) {
          space.protect(3L * i * PAGE, PAGE, Permissions.RW);
        }
        double machine = time(pages, () -> {
          for (int i = 0; i < pages; i++) {
            space.protect(3L * i * PAGE, PAGE, Permissions.R);
          }
        });
        if (sample >= 0) {
          grow[sample] = accepted;
          touch[sample] = touched;
          again[sample] = visited;
          restrict[sample] = restricted;
          protect[sample] = machine;
        }
      }
    }
    Row kernel = clock.row(DYNAMIC, "the machine's own change of a page's permissions", Clock.median(protect));
    double[] above = new double[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
      above[i] = restrict[i] - protect[i];
    }
    rows.add(clock.row(DYNAMIC, "growth by a page: EACCEPT, fault, EAUG, EACCEPT", Clock.median(grow)));
    rows.add(clock.row(DYNAMIC, "a page's first touch: fault served", Clock.median(touch)));
    rows.add(clock.row(DYNAMIC, "its second touch", Clock.median(again)));
    rows.add(kernel);
    rows.add(
        clock
            .row(DYNAMIC, "shoot-down: EMODPR, ETRACK", Clock.median(restrict))
            .with(new Row.Ratio(Clock.median(above) / QUICK_NANOS, "2 µs, above " + kernel.name(), 1)));
  }

  private static double time(int count, Runnable work) {
    long start = System.nanoTime();
    work.run();
    return (double) (System.nanoTime() - start) / count;
  }
}
