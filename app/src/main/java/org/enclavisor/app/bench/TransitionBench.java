package org.enclavisor.app.bench;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
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
    rows.add(clock.ofCycles(GROUP, "system call", baselines.systemCall(20_000)));
    Baseline sameCore = new Baseline("futex hand-over, one core", () -> baselines.futexRoundTripSameCore(1_000));
    rows.add(sameCore.row());
    if (processors > 1) {
      Baseline spinning = new Baseline("spinning hand-over", () -> baselines.spinningRoundTrip(50_000));
      rows.add(spinning.row());
      Baseline otherCore = new Baseline("futex hand-over, two cores", () -> baselines.futexRoundTripOtherCore(500));
      rows.add(otherCore.row());
      stub("EENTER+EEXIT, stub, spinning", WaitPolicy.SPIN, false, 5_000, spinning, 8);
      stub("EENTER+EEXIT, stub, spinning, strict", WaitPolicy.SPIN, true, 200, spinning, Double.NaN);
    }
    stub("EENTER+EEXIT, stub, one core", WaitPolicy.SAME_CORE, false, 1_000, sameCore, 1.4);
    stub("EENTER+EEXIT, stub, one core, strict", WaitPolicy.SAME_CORE, true, 200, sameCore, Double.NaN);
    try (PtracePlatform platform = PtracePlatform.open()) {
      measure("EENTER+EEXIT, ptrace", platform, 100, sameCore, Double.NaN);
    }
    return rows;
  }

  private void stub(String name, WaitPolicy policy, boolean strict, int batch, Baseline against, double target)
      throws Exception {
    try (StubPlatform platform = StubPlatform.open(StubOptions.DEFAULT.waiting(policy).strict(strict))) {
      measure(name, platform, batch, against, target);
    }
  }

  /** Transition and baseline take turns, so that a slow spell of the machine falls on both; the pairs' median counts. */
  private void measure(String name, Platform platform, int batch, Baseline against, double target) throws Exception {
    try (Monitor monitor = new Monitor(platform, MonitorConfig.defaults());
        SmallestEnclave.Loaded loaded = enclave.load(monitor)) {
      Registers registers = new Registers();
      double[] ours = new double[SAMPLES];
      double[] ratios = new double[SAMPLES];
      for (int sample = -SAMPLES; sample < SAMPLES; sample++) {
        long start = System.nanoTime();
        for (int i = 0; i < batch; i++) {
          loaded.roundTrip(registers);
        }
        double nanos = (double) (System.nanoTime() - start) / batch;
        if (sample >= 0) { // those before compile the way
          ours[sample] = nanos;
          ratios[sample] = nanos / clock.nanos(against.cycles.get());
        }
      }
      Row row = clock.row(GROUP, name, Clock.median(ours));
      rows.add(row.with(new Row.Ratio(Clock.median(ratios), against.name, target)));
    }
  }

  /** Something of the machine's own to compare with. */
  private final class Baseline {
    private final String name;
    private final Supplier<Double> cycles;

    Baseline(String name, Supplier<Double> cycles) {
      this.name = name;
      this.cycles = cycles;
    }

    Row row() {
      double[] samples = new double[9];
      for (int i = 0; i < samples.length; i++) {
        samples[i] = cycles.get();
      }
      return clock.ofCycles(GROUP, name, Clock.median(samples));
    }
  }
}
