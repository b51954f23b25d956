package org.enclavisor.monitor.observe;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * How long something took, many times: counted in buckets that are a quarter of a power of two wide, so that what is
 * read from it is right to 12 %. A value; times are in nanoseconds.
 */
public final class Histogram {
  /** Buckets of a power of two. */
  private static final int PARTS = 4;

  /** Times from here on, some 18 minutes, share the last bucket. */
  private static final int LAST_POWER = 40;

  static final int BUCKETS = PARTS * LAST_POWER;

  private final long[] counts;
  private final long count;
  private final long total;

  Histogram(long[] counts, long total) {
    this.counts = counts;
    this.count = Arrays.stream(counts).sum();
    this.total = total;
  }

  /** Of some times. */
  public static Histogram of(long... nanos) {
    long[] counts = new long[BUCKETS];
    for (long time : nanos) {
      counts[bucket(time)]++;
    }
    return new Histogram(counts, Arrays.stream(nanos).sum());
  }

  /**
   * Times from {@code from}, inclusive, to {@code to}, exclusive.
   *
   * @param count how many there were
   */
  public record Bucket(long from, long to, long count) {}

  /** The bucket of a time. What is below zero, by a clock of two processors, counts as zero. */
  static int bucket(long nanos) {
    if (nanos < PARTS) {
      return (int) Math.max(nanos, 0);
    }
    int power = 63 - Long.numberOfLeadingZeros(nanos);
    int part = (int) (nanos >>> power - 2) & PARTS - 1;
    return Math.min((power - 1) * PARTS + part, BUCKETS - 1);
  }

  /** The least time in a bucket. */
  static long least(int bucket) {
    if (bucket < PARTS) {
      return bucket;
    }
    return (long) (PARTS + bucket % PARTS) << bucket / PARTS - 1;
  }

  /** How many. */
  public long count() {
    return count;
  }

  /** All together. */
  public long total() {
    return total;
  }

  /**
   * So many of the times are below this: the middle of the bucket where that is so; 0 if there are none.
   *
   * @param share from 0 to 1: 0.5 gives the median
   */
  public long quantile(double share) {
    long wanted = Math.max(1, (long) Math.ceil(share * count));
    long seen = 0;
    for (int i = 0; i < BUCKETS; i++) {
      seen += counts[i];
      if (seen >= wanted) {
        return (least(i) + least(i + 1)) / 2;
      }
    }
    return 0;
  }

  /** Both together. */
  public Histogram plus(Histogram other) {
    long[] sum = counts.clone();
    for (int i = 0; i < BUCKETS; i++) {
      sum[i] += other.counts[i];
    }
    return new Histogram(sum, total + other.total);
  }

  /** The buckets that are not empty, in rising order. */
  public List<Bucket> buckets() {
    List<Bucket> buckets = new ArrayList<>();
    for (int i = 0; i < BUCKETS; i++) {
      if (counts[i] > 0) {
        buckets.add(new Bucket(least(i), least(i + 1), counts[i]));
      }
    }
    return buckets;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Histogram histogram && total == histogram.total && Arrays.equals(counts, histogram.counts);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(counts);
  }

  @Override
  public String toString() {
    return "Histogram[count=%d, total=%d, median=%d]".formatted(count, total, quantile(0.5));
  }
}
