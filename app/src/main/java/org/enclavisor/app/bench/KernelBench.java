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
    Path folder = root.resolve("examples/kernels");
    List<Row> rows = new ArrayList<>();
    Enclavisor enclavisor = Enclavisor.open(platform);
    try (Enclave enclave =
        enclavisor.load(folder.resolve("kernels.signed.so"), Edl.read(folder.resolve("kernels.edl")))) {
      enclave.call("prepare");
      for (Map.Entry<String, Long> kernel : kernels().entrySet()) {
        rows.addAll(compare(enclave, program, kernel.getKey(), kernel.getValue()));
      }
    }
    return rows;
  }

  /** Every kernel, and rounds enough to scale from. */
  private static Map<String, Long> kernels() {
    Map<String, Long> rounds = new LinkedHashMap<>();
    rounds.put("sha256", 200L);
    rounds.put("aes", 200L);
    rounds.put("sort", 2L);
    rounds.put("matrix", 20L);
    rounds.put("chase", 2L);
    rounds.put("stream", 2L);
    return rounds;
  }

  private List<Row> compare(Enclave enclave, Path program, String kernel, long few) throws Exception {
    long rounds = Math.max(1, Math.round(few * NANOS_A_RUN / outside(program, kernel, few).nanos));
    double[] inside = new double[pairs];
    double[] outside = new double[pairs];
    double[] ratios = new double[pairs];
    for (int pair = -1; pair < pairs; pair++) {
      Timed in = inside(enclave, kernel, rounds);
      Timed out = outside(program, kernel, rounds);
      if (in.checksum != out.checksum) {
        throw new IllegalStateException(
            "%s: the enclave computed %x, the native program %x".formatted(kernel, in.checksum, out.checksum));
      }
      if (pair >= 0) {
        inside[pair] = in.nanos;
        outside[pair] = out.nanos;
        ratios[pair] = in.nanos / out.nanos;
      }
    }
    Row nativeRow = clock.row(GROUP, kernel + ", native process", Clock.median(outside));
    Row enclaveRow = clock.row(GROUP, kernel + ", enclave", Clock.median(inside));
    Row.Ratio ratio = new Row.Ratio(Clock.median(ratios), nativeRow.name(), TARGET);
    return List.of(nativeRow, enclaveRow.with(ratio));
  }

  private record Timed(long checksum, double nanos) {}

  private static Timed inside(Enclave enclave, String kernel, long rounds) {
    long start = System.nanoTime();
    Object checksum = enclave.call(kernel, rounds).value();
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
