package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicReference;
import org.enclavisor.conformance.campaign.Campaign;
import org.enclavisor.conformance.campaign.Stampede;
import org.junit.jupiter.api.Test;

/** The random campaign against the monitor in memory. */
class InMemoryCampaignTest {

  /** On a virtual thread, as the enclaves' threads are: handing over costs little then. */
  static Campaign.Report run(long steps, long seed) throws InterruptedException {
    var report = new AtomicReference<Campaign.Report>();
    var failed = new AtomicReference<Throwable>();
    Thread thread =
        Thread.ofVirtual()
            .uncaughtExceptionHandler((t, e) -> failed.set(e))
            .start(() -> report.set(Campaign.run(MonitorMachine::inMemory, steps, seed, done -> {})));
    thread.join();
    if (failed.get() != null) {
      throw new AssertionError(failed.get());
    }
    return report.get();
  }

  @Test
  void machineAndModelAgree() throws InterruptedException {
    long seed = Long.getLong("enclavisor.seed", 1);
    long steps = Long.getLong("enclavisor.steps", 200_000);
    long start = System.nanoTime();
    Campaign.Report report = run(steps, seed);
    long millis = (System.nanoTime() - start) / 1_000_000;
    System.out.println(
        "campaign: " + report.coverage().steps() + " steps in " + millis + " ms, " + report.coverage().successes()
            + " successful\n" + report.coverage().counts());
    assertThat(report.failure()).isNull();
    assertThat(report.coverage().successes()).isGreaterThanOrEqualTo(steps / 4);
  }

  @Test
  void leavesAtOnceLeaveEverythingInOrder() throws InterruptedException {
    try (MonitorMachine machine = MonitorMachine.inMemory()) {
      for (int round = 0; round < 5; round++) {
        assertThat(Stampede.run(machine, 3000, round)).isEmpty();
      }
    }
  }
}
