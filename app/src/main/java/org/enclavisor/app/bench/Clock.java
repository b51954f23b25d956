package org.enclavisor.app.bench;

import java.util.Arrays;
import java.util.Optional;

/** Turns repetitions into rows. Used by one thread. */
final class Clock {
  private final double cyclesPerNano;

  /**
   * @param cyclesPerNano cycles of the time-stamp counter in a nanosecond
   */
  Clock(double cyclesPerNano) {
    this.cyclesPerNano = cyclesPerNano;
  }

  /** Something that is done again and again. */
  @FunctionalInterface
  interface Work {
    void run() throws Exception;
  }

  /**
   * The median over {@code samples} of the mean over {@code batch}, after as many samples again to warm up.
   *
   * @param batch so many that one sample lasts well over a microsecond
   */
  Row time(String group, String name, int samples, int batch, Work work) throws Exception {
    double[] nanos = new double[samples];
    for (int sample = -samples; sample < samples; sample++) {
      long start = System.nanoTime();
      for (int i = 0; i < batch; i++) {
        work.run();
      }
      if (sample >= 0) {
        nanos[sample] = (double) (System.nanoTime() - start) / batch;
      }
    }
    return row(group, name, median(nanos));
  }

  Row row(String group, String name, double nanos) {
    return new Row(group, name, nanos, nanos * cyclesPerNano, Optional.empty());
  }

  Row ofCycles(String group, String name, double cycles) {
    return new Row(group, name, nanos(cycles), cycles, Optional.empty());
  }

  double nanos(double cycles) {
    return cycles / cyclesPerNano;
  }

  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
