package org.enclavisor.app.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** What a user waits for and pays: the whole command from start to end, and the memory of its two processes. */
final class FootprintBench {
  static final String GROUP = "whole";

  private static final int SAMPLES = 9;
  private static final double TARGET_NANOS = 600e6;

  private final Clock clock;
  private final Path root;

  FootprintBench(Clock clock, Path root) {
    this.clock = clock;
    this.root = root;
  }

  List<Row> run() throws IOException, InterruptedException {
    String launcher = root.resolve("enclavisor").toString();
    String hello = root.resolve("examples/hello").toString();
    double[] whole = new double[SAMPLES];
    for (int sample = -1; sample < SAMPLES; sample++) {
      long start = System.nanoTime();
      Process process = new ProcessBuilder(launcher, "run", hello).redirectErrorStream(true).start();
      process.getInputStream().readAllBytes();
      if (process.waitFor() != 0) {
        throw new IOException(launcher + " run " + hello + " failed");
      }
      if (sample >= 0) {
        whole[sample] = System.nanoTime() - start;
      }
    }
    Row limit = clock.row(GROUP, "0.6 s", TARGET_NANOS);
    List<Row> rows = new ArrayList<>();
    rows.add(clock.row(GROUP, "enclavisor run examples/hello", Clock.median(whole)).against(limit, 1));
    return rows;
  }

  /** What one run takes of memory at the most, for a person: the JVM and the enclave's process. */
  String memory() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(root.resolve("enclavisor").toString(), "run", root.resolve("examples/hello").toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    long ours = 0;
    long enclaves = 0;
    while (!process.waitFor(2, TimeUnit.MILLISECONDS)) {
      ours = Math.max(ours, peakKibibytes(process.pid()));
      for (ProcessHandle child : process.children().toList()) {
        enclaves = Math.max(enclaves, peakKibibytes(child.pid()));
      }
    }
    return "run examples/hello takes at the most %d MiB in its JVM and %d KiB in the enclave's process"
        .formatted(ours / 1024, enclaves);
  }

  /** VmHWM, in KiB; 0 of a process that is gone. */
  private static long peakKibibytes(long pid) {
    try {
      return Files.readAllLines(Path.of("/proc/" + pid + "/status")).stream()
          .filter(line -> line.startsWith("VmHWM:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst()
          .orElse(0);
    } catch (IOException e) {
      return 0;
    }
  }
}
