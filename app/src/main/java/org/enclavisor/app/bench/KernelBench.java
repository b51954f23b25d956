package org.enclavisor.app.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.Enclavisor;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.monitor.spi.Platform;

/**
 * The kernels of examples/kernels inside an enclave against the same object code in an ordinary process, on the same
 * kind of memory (a shared memory object). Both take turns; each pair gives one ratio, and the median counts. A pair
 * whose checksums differ is an error.
 */
final class KernelBench {
  static final String GROUP = "compute";

  private static final double TARGET = 1.01;
  private static final double NANOS_A_RUN = 150e6;

  private final Clock clock;
  private final Path root;
  private final int pairs;

  KernelBench(Clock clock, Path root, int pairs) {
    this.clock = clock;
    this.root = root;
    this.pairs = pairs;
  }

  /** The native program, which stands beside the enclave that has the same object code. */
  Optional<Path> nativeProgram() {
    Path program = root.resolve("examples/kernels/kernels.native");
    return Files.isExecutable(program) ? Optional.of(program) : Optional.empty();
  }

  List<Row> run(Platform platform, Path program) throws Exception {
    List<Kernel> kernels = kernels(program);
    Path folder = root.resolve("examples/kernels");
    Edl edl = Edl.read(folder.resolve("kernels.edl"));
    try (Enclavisor enclavisor = Enclavisor.open(platform)) {
      for (int pair = -1; pair < pairs; pair++) { // the first one warms up
        // A new enclave each time, as there is a new process: where its pages lie in the machine's memory counts.
        try (Enclave enclave = enclavisor.load(folder.resolve("kernels.signed.so"), edl)) {
          enclave.call("prepare");
          for (Kernel kernel : kernels) {
            // Each goes first every other time: it is not the same.
            boolean insideFirst = pair % 2 == 0;
            Timed early = insideFirst ? inside(enclave, kernel) : outside(program, kernel.name, kernel.rounds);
            Timed late = insideFirst ? outside(program, kernel.name, kernel.rounds) : inside(enclave, kernel);
            kernel.compare(pair, insideFirst ? early : late, insideFirst ? late : early);
          }
        }
      }
    }
    return kernels.stream().flatMap(kernel -> kernel.rows().stream()).toList();
  }

  /** Every kernel, with rounds enough for a run of {@link #NANOS_A_RUN}. */
  private List<Kernel> kernels(Path program) throws IOException, InterruptedException {
    Map<String, Long> few = new LinkedHashMap<>();
    few.put("sha256", 200L);
    few.put("aes", 200L);
    few.put("sort", 2L);
    few.put("matrix", 20L);
    few.put("chase", 2L);
    few.put("stream", 2L);
    List<Kernel> kernels = new ArrayList<>();
    for (Map.Entry<String, Long> kernel : few.entrySet()) {
      double nanos = outside(program, kernel.getKey(), kernel.getValue()).nanos;
      kernels.add(new Kernel(kernel.getKey(), Math.max(1, Math.round(kernel.getValue() * NANOS_A_RUN / nanos))));
    }
    return kernels;
  }

  /** What was measured of one kernel. */
  private final class Kernel {
    private final String name;
    private final long rounds;
    private final double[] inside = new double[pairs];
    private final double[] outside = new double[pairs];
    private final double[] ratios = new double[pairs];

    Kernel(String name, long rounds) {
      this.name = name;
      this.rounds = rounds;
    }

    void compare(int pair, Timed in, Timed out) {
      if (in.checksum != out.checksum) {
        throw new IllegalStateException(
            "%s: the enclave computed %x, the native program %x".formatted(name, in.checksum, out.checksum));
      }
      if (pair >= 0) {
        inside[pair] = in.nanos;
        outside[pair] = out.nanos;
        ratios[pair] = in.nanos / out.nanos;
      }
    }

    List<Row> rows() {
      Row nativeRow = clock.row(GROUP, name + ", native process", Clock.median(outside));
      Row.Ratio ratio = new Row.Ratio(Clock.median(ratios), nativeRow.name(), TARGET);
      return List.of(nativeRow, clock.row(GROUP, name + ", enclave", Clock.median(inside)).with(ratio));
    }
  }

  private record Timed(long checksum, double nanos) {}

  private static Timed inside(Enclave enclave, Kernel kernel) {
    long start = System.nanoTime();
    Object checksum = enclave.call(kernel.name, kernel.rounds).value();
    return new Timed(((Number) java.util.Objects.requireNonNull(checksum)).longValue(), System.nanoTime() - start);
  }

  /** The program prints {@code KERNEL N CHECKSUM NANOSECONDS}. */
  private static Timed outside(Path program, String kernel, long rounds) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(program.toString(), kernel, Long.toString(rounds)).start();
    String line = new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip();
    if (process.waitFor() != 0) {
      throw new IOException(program + " " + kernel + " failed: " + line);
    }
    String[] words = line.split(" ");
    return new Timed(Long.parseUnsignedLong(words[2]), Double.parseDouble(words[3]));
  }
}
