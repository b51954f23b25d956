package org.enclavisor.app.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.List;
import java.util.Random;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.spi.Platform;

/**
 * What a load costs: MRENCLAVE alone, and all of it from a file to EINIT, against the JDK's SHA-256 over as many bytes
 * as SGX hashes for a page (64 for EADD and 16 times 64 + 256 for EEXTEND: 5184).
 */
final class LoadBench {
  static final String GROUP = "load";

  private static final int PAGE = 4096;
  private static final int HASHED_BYTES = 5184;
  private static final int SAMPLES = 9;

  /** So many loads before the ones that count: the compiler of the JVM takes one of two processors until then. */
  private static final int WARM_UPS = 12;
  private static final double HASH_TARGET = 1 / 0.9;
  private static final double LOAD_TARGET = 1.4;

  private final Clock clock;
  private final Platform platform;

  LoadBench(Clock clock, Platform platform) {
    this.clock = clock;
    this.platform = platform;
  }

  /**
   * @param mebibytes of measured pages, all different from zero
   */
  List<Row> run(int mebibytes) throws Exception {
    int pages = mebibytes * 256;
    Path file = Files.createTempFile("enclavisor-bench", ".bin");
    try (Arena arena = Arena.ofShared();
        Monitor monitor = new Monitor(platform, MonitorConfig.defaults())) {
      byte[] content = new byte[pages * PAGE];
      new Random(1).nextBytes(content);
      Files.write(file, content);
      MemorySegment mapped = map(file, arena);
      SmallestEnclave enclave = new SmallestEnclave(mapped, platform.machine().xcr0());
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      byte[] block = new byte[HASHED_BYTES];
      String size = mebibytes + " MiB";
      // The three take turns, so that a slow spell of the machine falls on all of them.
      double[] bare = new double[SAMPLES];
      double[] measured = new double[SAMPLES];
      double[] loaded = new double[SAMPLES];
      for (int sample = -WARM_UPS; sample < SAMPLES; sample++) {
        double a = nanos(() -> hash(sha256, block, pages));
        double b = nanos(() -> measure(mapped));
        double c = load(enclave, monitor);
        if (sample >= 0) {
          bare[sample] = a;
          measured[sample] = b;
          loaded[sample] = c;
        }
      }
      Row hash = clock.row(GROUP, "SHA-256 of the JDK, " + size + " of pages", Clock.median(bare));
      return List.of(
          hash,
          clock.row(GROUP, "MRENCLAVE, " + size, Clock.median(measured)).against(hash, HASH_TARGET),
          clock.row(GROUP, "file to EINIT, " + size, Clock.median(loaded)).against(hash, LOAD_TARGET));
    } finally {
      Files.delete(file);
    }
  }

  private static MemorySegment map(Path file, Arena arena) throws Exception {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    }
  }

  private static double nanos(Clock.Work work) throws Exception {
    long start = System.nanoTime();
    work.run();
    return System.nanoTime() - start;
  }

  private static void hash(MessageDigest sha256, byte[] block, int pages) {
    for (int i = 0; i < pages; i++) {
      sha256.update(block);
    }
    sha256.digest();
  }

  private static void measure(MemorySegment pages) {
    Measurement measurement = Measurement.ecreate(1, Long.highestOneBit(pages.byteSize()) << 1);
    for (long at = 0; at < pages.byteSize(); at += PAGE) {
      measurement.page(at, Secinfo.reg(Permissions.RW), pages.asSlice(at, PAGE));
    }
    measurement.mrEnclave();
  }

  /** Until EINIT; removing the enclave again is not part of it. */
  private static double load(SmallestEnclave enclave, Monitor monitor) {
    long start = System.nanoTime();
    try (SmallestEnclave.Loaded _ = enclave.load(monitor)) {
      return System.nanoTime() - start;
    }
  }
}
