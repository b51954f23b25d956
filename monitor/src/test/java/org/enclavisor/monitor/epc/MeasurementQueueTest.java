package org.enclavisor.monitor.epc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MeasurementQueueTest {
  private static final Secinfo RW = Secinfo.reg(Permissions.RW);
  private static final MemorySegment ZERO = MemorySegment.ofArray(new byte[4096]);

  @Test
  void orderIsKeptBetweenQueuedAndImmediateOnes() {
    try (MeasurementQueue queue = new MeasurementQueue("test", 1, 1 << 20)) {
      Measurement expected = Measurement.ecreate(1, 1 << 20);
      for (int round = 0; round < 50; round++) {
        queue.zeroes(round, 3, RW, round % 2 == 0);
        queue.eadd(round * 4096L, RW);
        queue.eextend(round * 4096L, ZERO.asSlice(0, 256));
        for (int i = 0; i < 3; i++) {
          long offset = (round + i) * 4096L;
          if (round % 2 == 0) {
            expected.page(offset, RW, ZERO);
          } else {
            expected.eadd(offset, RW);
          }
        }
        expected.eadd(round * 4096L, RW);
        expected.eextend(round * 4096L, ZERO.asSlice(0, 256));
      }
      assertThat(queue.mrEnclave()).isEqualTo(expected.mrEnclave());
    }
  }

  @Test
  void aFastCallerWaits() {
    try (MeasurementQueue queue = new MeasurementQueue("test", 1, 1 << 30)) {
      Measurement expected = Measurement.ecreate(1, 1 << 30);
      MemorySegment content = MemorySegment.ofArray(new byte[100 * 4096]);
      for (int round = 0; round < 100; round++) {
        content.fill((byte) round); // may be changed as soon as pages() has returned
        queue.pages(round * 100L, 100, RW, content);
        for (int i = 0; i < 100; i++) {
          expected.page((round * 100L + i) * 4096, RW, content.asSlice(0, 4096));
        }
      }
      assertThat(queue.mrEnclave()).isEqualTo(expected.mrEnclave());
    }
  }

  @Test
  void closingDropsWhatWaitsAndEndsTheThread() throws InterruptedException {
    MeasurementQueue queue = new MeasurementQueue("closing-test", 1, 1L << 40);
    for (int i = 0; i < 20; i++) {
      queue.zeroes(0, 1 << 16, RW, false);
    }
    queue.close();
    queue.close();
    for (int i = 0; i < 500 && alive("closing-test"); i++) {
      Thread.sleep(Duration.ofMillis(10));
    }
    assertThat(alive("closing-test")).isFalse();
  }

  private static boolean alive(String name) {
    return Thread.getAllStackTraces().keySet().stream().anyMatch(t -> t.getName().equals(name));
  }

  @Test
  void aFailureIsToldToWhoeverAsks() {
    try (MeasurementQueue queue = new MeasurementQueue("failing-test", 1, 1 << 20)) {
      queue.zeroes(0, 100, (Secinfo) null, true); // not checked before the hash comes to it
      assertThatThrownBy(queue::mrEnclave).isInstanceOf(IllegalStateException.class).hasMessageContaining("measuring");
    }
  }

  @Test
  void anInterruptedCallerStillGetsTheMeasurement() {
    try (MeasurementQueue queue = new MeasurementQueue("test", 1, 1 << 30)) {
      queue.zeroes(0, 1 << 14, RW, true);
      Thread.currentThread().interrupt();
      assertThat(queue.mrEnclave()).isNotNull();
      assertThat(Thread.interrupted()).as("the flag is kept").isTrue();
    }
  }
}
