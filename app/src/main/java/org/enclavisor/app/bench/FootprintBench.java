package org.enclavisor.app.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What a user waits for and pays: the whole command from start to end, and the memory of its JVM. */
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

  /** What this JVM takes of memory at most so far, in bytes. */
  static long peakBytes() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmHWM:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
        .findFirst()
        .orElse(0);
  }
}
