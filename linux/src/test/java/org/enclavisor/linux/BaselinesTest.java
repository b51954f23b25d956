package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The loops come to an end and their results are in a believable order; how long they take is the machine's affair. */
class BaselinesTest {
  private final Baselines baselines = new Baselines();

  @Test
  void theCounterRuns() {
    assertThat(baselines.cyclesPerNano()).isBetween(0.1, 10.0);
  }

  @Test
  void everyLoopEnds() {
    assertThat(baselines.nativeCall(1000)).isPositive();
    assertThat(baselines.systemCall(1000)).isPositive();
    assertThat(baselines.futexRoundTripSameCore(100)).isGreaterThan(baselines.systemCall(1000));
    if (Runtime.getRuntime().availableProcessors() > 1) {
      assertThat(baselines.spinningRoundTrip(1000)).isPositive();
      assertThat(baselines.futexRoundTripOtherCore(100)).isPositive();
    }
  }

  @Test
  void theKernelsOwnOperationsOnPages() {
    try (var pages = new PageBaselines(baselines.cyclesPerNano())) {
      assertThat(pages.takeAway(200)).isPositive();
      assertThat(pages.giveBack(200)).isPositive();
      assertThat(pages.punch(200)).isPositive();
      assertThat(pages.firstTouch(200)).isPositive();
    }
  }
}
