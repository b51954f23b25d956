package org.enclavisor.monitor.observe;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class HistogramTest {

  @Test
  void bucketsFollowEachOtherWithoutGap() {
    for (int bucket = 0; bucket < Histogram.BUCKETS - 1; bucket++) {
      long from = Histogram.least(bucket);
      long to = Histogram.least(bucket + 1);
      assertThat(to).isGreaterThan(from);
      assertThat(Histogram.bucket(from)).isEqualTo(bucket);
      assertThat(Histogram.bucket(to - 1)).isEqualTo(bucket);
      if (from >= 4) {
        assertThat((double) (to - from) / from).isLessThanOrEqualTo(0.25);
      }
    }
    assertThat(Histogram.bucket(-5)).isZero();
    assertThat(Histogram.bucket(Long.MAX_VALUE)).isEqualTo(Histogram.BUCKETS - 1);
  }

  @Test
  void quantilesAreRightToAnEighth() {
    Random random = new Random(7);
    long[] times = LongStream.generate(() -> (long) Math.exp(random.nextDouble(5, 18))).limit(10_001).toArray();
    Histogram histogram = Histogram.of(times);
    long[] sorted = LongStream.of(times).sorted().toArray();
    assertThat(histogram.count()).isEqualTo(times.length);
    assertThat(histogram.total()).isEqualTo(LongStream.of(times).sum());
    for (double share : new double[] {0.01, 0.25, 0.5, 0.95, 1}) {
      long exact = sorted[(int) Math.ceil(share * times.length) - 1];
      assertThat(histogram.quantile(share)).isBetween((long) (exact * 0.875), (long) (exact * 1.125) + 1);
    }
    assertThat(histogram.buckets().stream().mapToLong(Histogram.Bucket::count).sum()).isEqualTo(times.length);
  }

  @Test
  void nothingHasNoQuantiles() {
    assertThat(Histogram.of().quantile(0.5)).isZero();
    assertThat(Histogram.of().buckets()).isEmpty();
  }

  @Test
  void sumsAreWhatBothTogetherWouldBe() {
    assertThat(Histogram.of(1, 20, 300).plus(Histogram.of(20, 5000))).isEqualTo(Histogram.of(5000, 1, 20, 20, 300));
  }
}
