package org.enclavisor.app.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.enclavisor.linux.Baselines;
import org.enclavisor.linux.Cpuid;
import org.enclavisor.linux.Kernel;
import org.enclavisor.linux.PageBaselines;
import org.enclavisor.linux.StubOptions;
import org.enclavisor.linux.StubPlatform;
import org.enclavisor.linux.WaitPolicy;
import org.enclavisor.linux.ptrace.PtracePlatform;
import org.enclavisor.monitor.spi.Platform;

/** Runs the parts of the benchmark one after the other. */
public final class Benchmark {

  /** The parts, which can be run alone. */
  public enum Part {
    TRANSITIONS,
    CALLS,
    LOAD,
    LEAVES,
    PAGING,
    STATE,
    COMPUTE,
    WHOLE
  }

  private final Path root;
  private final Consumer<String> progress;
  private final List<Row> rows = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private final Baselines baselines = new Baselines();
  private final Clock clock = new Clock(baselines.cyclesPerNano());
  private final int processors = Runtime.getRuntime().availableProcessors();

  /**
   * @param root of the project, where examples/ and the launcher are
   * @param progress told what comes next
   */
  public Benchmark(Path root, Consumer<String> progress) {
    this.root = root;
    this.progress = progress;
  }

  /**
   * @param parts what to measure; calls need transitions to compare with
   */
  public Report run(Set<Part> parts) throws Exception {
    Set<Part> wanted = EnumSet.copyOf(parts);
    if (wanted.contains(Part.CALLS)) {
      wanted.add(Part.TRANSITIONS);
    }
    for (Part part : wanted) {
      progress.accept(part.name().toLowerCase(java.util.Locale.ROOT));
      switch (part) {
        case TRANSITIONS -> rows.addAll(new TransitionBench(clock, baselines, processors, Cpuid.xcr0()).run());
        case CALLS -> calls();
        case LOAD -> load();
        case LEAVES -> leaves();
        case PAGING -> paging();
        case STATE -> state();
        case COMPUTE -> compute();
        case WHOLE -> whole();
      }
    }
    return new Report(machine(), List.copyOf(rows), List.copyOf(notes));
  }

  private void calls() throws Exception {
    CallBench bench = new CallBench(clock, root.resolve("examples"));
    if (processors > 1) {
      rows.addAll(bench.run(stub(WaitPolicy.SPIN), "spinning", named("EENTER+EEXIT, stub, spinning"), 1000));
    }
    rows.addAll(bench.run(stub(WaitPolicy.SAME_CORE), "one core", named("EENTER+EEXIT, stub, one core"), 100));
    rows.addAll(bench.run(PtracePlatform.open(), "ptrace", named("EENTER+EEXIT, ptrace"), 20));
  }

  private void load() throws Exception {
    try (Platform platform = stub(WaitPolicy.AUTO)) {
      rows.addAll(new LoadBench(clock, platform).run(64));
    }
  }

  private void leaves() throws Exception {
    try (Platform platform = stub(WaitPolicy.SAME_CORE)) {
      rows.addAll(new LeafBench(clock, platform).run());
    }
  }

  private void paging() {
    try (Platform platform = stub(WaitPolicy.SAME_CORE)) {
      rows.addAll(new PagingBench(clock, platform).run());
    }
    try (Platform platform = stub(WaitPolicy.AUTO); var kernel = new PageBaselines(baselines.cyclesPerNano())) {
      rows.addAll(new RemapBench(clock, platform, kernel).run());
    }
  }

  private void state() throws Exception {
    try (Platform platform = stub(WaitPolicy.SAME_CORE)) {
      rows.addAll(new StateBench(clock, platform).run(16));
    }
  }

  private void compute() throws Exception {
    KernelBench bench = new KernelBench(clock, root, 16);
    Optional<Path> program = bench.nativeProgram();
    if (program.isEmpty()) {
      notes.add("compute is left out: there is no examples/kernels/kernels.native");
      return;
    }
    // Both on one and the same processor: two of them can differ by more than what is looked for.
    BitSet before = Kernel.affinity(0);
    BitSet one = new BitSet();
    one.set(before.nextSetBit(0));
    Kernel.setAffinity(0, one);
    try {
      rows.addAll(bench.run(stub(WaitPolicy.SAME_CORE), program.get()));
    } finally {
      Kernel.setAffinity(0, before);
    }
  }

  private void whole() throws Exception {
    FootprintBench bench = new FootprintBench(clock, root);
    rows.addAll(bench.run());
    notes.add(bench.memory());
  }

  private static StubPlatform stub(WaitPolicy policy) {
    return StubPlatform.open(StubOptions.DEFAULT.waiting(policy));
  }

  private Row named(String name) {
    return rows.stream().filter(row -> row.name().equals(name)).findFirst().orElseThrow();
  }

  private String machine() {
    String kernel = System.getProperty("os.version");
    return "%s, %d processors, time-stamp counter %.2f GHz, Linux %s, Java %s"
        .formatted(
            Cpuid.brand(),
            processors,
            baselines.cyclesPerNano(),
            kernel.replaceFirst("-.*", ""),
            Runtime.version().feature());
  }
}
