package org.enclavisor.app.bench;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.enclavisor.linux.Baselines;
import org.enclavisor.linux.StubOptions;
import org.enclavisor.linux.StubPlatform;
import org.enclavisor.linux.WaitPolicy;
import org.enclavisor.linux.ptrace.PtracePlatform;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.Registers;

/**
 * EENTER and EEXIT with the real leaves, on every platform and wait policy, beside what the machine charges for its
 * elements. There and back is compared with there and back.
 */
final class TransitionBench {
  static final String GROUP = "transitions";

  private static final int SAMPLES = 31;

  private final Clock clock;
  private final Baselines baselines;
  private final int processors;
  private final SmallestEnclave enclave;
  private final List<Row> rows = new ArrayList<>();

  TransitionBench(Clock clock, Baselines baselines, int processors, long xcr0) {
    this.clock = clock;
    this.baselines = baselines;
    this.processors = processors;
    enclave = new SmallestEnclave(MemorySegment.ofArray(new byte[0]), xcr0);
  }

  List<Row> run() throws Exception {
    baselines.nativeCall(100_000); // compiles the loop
    rows.add(clock.ofCycles(GROUP, "native call from Java", baselines.nativeCall(100_000)));
    rows.add(clock.ofCycles(GROUP, "system call", median(baselines::systemCall, 20_000)));
    Row sameCore =
        clock.ofCycles(GROUP, "futex hand-over, one core", median(baselines::futexRoundTripSameCore, 5_000));
    rows.add(sameCore);
    if (processors > 1) {
      Row spinning = clock.ofCycles(GROUP, "spinning hand-over", median(baselines::spinningRoundTrip, 100_000));
      rows.add(spinning);
      rows.add(
          clock.ofCycles(GROUP, "futex hand-over, two cores", median(baselines::futexRoundTripOtherCore, 2_000)));
      stub("EENTER+EEXIT, stub, spinning", WaitPolicy.SPIN, false, 1000, spinning, 8);
      stub("EENTER+EEXIT, stub, spinning, strict", WaitPolicy.SPIN, true, 100, spinning, Double.NaN);
    }
    stub("EENTER+EEXIT, stub, one core", WaitPolicy.SAME_CORE, false, 100, sameCore, 1.4);
    stub("EENTER+EEXIT, stub, one core, strict", WaitPolicy.SAME_CORE, true, 100, sameCore, Double.NaN);
    try (PtracePlatform platform = PtracePlatform.open()) {
      measure("EENTER+EEXIT, ptrace", platform, 20, sameCore, Double.NaN);
    }
    return rows;
  }

  private void stub(String name, WaitPolicy policy, boolean strict, int batch, Row against, double target)
      throws Exception {
    try (StubPlatform platform = StubPlatform.open(StubOptions.DEFAULT.waiting(policy).strict(strict))) {
      measure(name, platform, batch, against, target);
    }
  }

  private void measure(String name, Platform platform, int batch, Row against, double target) throws Exception {
    try (Monitor monitor = new Monitor(platform, MonitorConfig.defaults());
        SmallestEnclave.Loaded loaded = enclave.load(monitor)) {
      Registers registers = new Registers();
      for (int i = 0; i < 200 * batch; i++) {
        loaded.roundTrip(registers); // compiles the way
      }
      Row row = clock.time(GROUP, name, SAMPLES, batch, () -> loaded.roundTrip(registers));
      rows.add(row.against(against, target));
    }
  }

  /** One way of measuring a baseline. */
  private interface Baseline {
    double cycles(int rounds);
  }

  private static double median(Baseline baseline, int rounds) {
    double[] cycles = new double[9];
    for (int i = 0; i < cycles.length; i++) {
      cycles[i] = baseline.cycles(rounds);
    }
    return Clock.median(cycles);
  }
}
