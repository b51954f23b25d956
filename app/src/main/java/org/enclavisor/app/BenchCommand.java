package org.enclavisor.app;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.enclavisor.app.bench.Benchmark;
import org.enclavisor.app.bench.Page;
import org.enclavisor.app.bench.Report;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code enclavisor bench}: what it costs here. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    description = {
      "Measure what enclaves cost on this machine, as ratios against what is measured in the same run.",
      "Takes about three minutes. Other load on the machine spoils it."
    },
    footer = {
      "",
      "Examples:",
      "  enclavisor bench",
      "  enclavisor bench --only transitions",
      "  enclavisor bench --page docs/performance.md      (and a plot beside it)",
      "Exit status 1: a ratio is worse than what is wanted of it."
    })
final class BenchCommand implements Callable<Integer> {
  @Mixin private Output output;

  @Option(
      names = "--only",
      paramLabel = "PART",
      split = ",",
      description = "Measure only: ${COMPLETION-CANDIDATES}.")
  private List<Benchmark.Part> only = List.of();

  @Option(names = "--page", paramLabel = "FILE", description = "Put the results into this page, and a plot beside it.")
  private @Nullable Path page;

  @Override
  public Integer call() throws Exception {
    Path root = Installation.root();
    Set<Benchmark.Part> parts = only.isEmpty() ? EnumSet.allOf(Benchmark.Part.class) : EnumSet.copyOf(only);
    Report report = new Benchmark(root, part -> System.err.println("measuring: " + part + " ...")).run(parts);
    report.lines().forEach(line -> output.line("%s", line));
    output.value(report.tree());
    if (page != null) {
      write(page, report);
    }
    boolean met = report.rows().stream().allMatch(row -> row.ratio().map(r -> r.met()).orElse(true));
    return met ? ExitCode.OK : ExitCode.NO;
  }

  private void write(Path file, Report report) throws IOException {
    Path plot = file.resolveSibling(file.getFileName().toString().replaceFirst("\\.md$", "") + ".svg");
    String before = Files.exists(file) ? Files.readString(file) : "";
    Files.writeString(file, Page.with(before, report, plot.getFileName().toString()));
    Files.writeString(plot, Page.plot(report));
    output.line("");
    output.line("written: %s and %s", file, plot);
  }
}
