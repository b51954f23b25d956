package org.enclavisor.isa;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Random;

/**
 * How near measuring comes to bare hashing: pages from the heap, from native memory and of zeroes, each as a ratio to
 * one SHA-256 over 5184 bytes a page in the same round. Run its {@code main}; the median of the rounds counts.
 */
final class MeasurementBenchmark {
  private static final int PAGES = 2048;
  private static final int ROUNDS = 31;
  private static final int PAGE = 4096;

  private MeasurementBenchmark() {}

  private interface Work {
    void run();
  }

  public static void main(String[] args) {
    byte[] content = new byte[PAGES * PAGE];
    new Random(1).nextBytes(content);
    Secinfo secinfo = Secinfo.reg(Permissions.RW);
    byte[] block = new byte[5184];
    new Random(2).nextBytes(block);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment heap = MemorySegment.ofArray(content);
      MemorySegment nativeMemory = arena.allocate(content.length).copyFrom(heap);
      String[] names = {"bare SHA-256", "heap pages", "native pages", "zero pages"};
      Work[] works = {
        () -> bare(block),
        () -> pages(heap, secinfo),
        () -> pages(nativeMemory, secinfo),
        () -> zeroes(secinfo),
      };
      double[][] micros = new double[works.length][ROUNDS];
      for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < works.length; i++) {
          long start = System.nanoTime();
          works[i].run();
          micros[i][round] = (System.nanoTime() - start) / 1e3 / PAGES;
        }
      }
      for (int i = 0; i < works.length; i++) {
        double[] ratios = new double[ROUNDS];
        for (int round = 0; round < ROUNDS; round++) {
          ratios[round] = 100 * micros[0][round] / micros[i][round];
        }
        System.out.printf("%-13s %6.3f us/page  %5.1f %% of bare%n", names[i], median(micros[i]), median(ratios));
      }
    }
  }

  private static void bare(byte[] block) {
    MessageDigest digest = Sha256.newDigest();
    for (int i = 0; i < PAGES; i++) {
      digest.update(block);
    }
    digest.digest();
  }

  private static void pages(MemorySegment content, Secinfo secinfo) {
    Measurement measurement = Measurement.ecreate(1, content.byteSize());
    for (long offset = 0; offset < content.byteSize(); offset += PAGE) {
      measurement.page(offset, secinfo, content.asSlice(offset, PAGE));
    }
    measurement.mrEnclave();
  }

  private static void zeroes(Secinfo secinfo) {
    Measurement measurement = Measurement.ecreate(1, (long) PAGES * PAGE);
    for (long page = 0; page < PAGES; page++) {
      measurement.zeroPage(page * PAGE, secinfo);
    }
    measurement.mrEnclave();
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
