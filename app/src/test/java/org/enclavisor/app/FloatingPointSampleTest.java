package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.enclavisor.host.Enclave;
import org.enclavisor.monitor.MonitorEvent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** Floating point and vector registers across OCALLs, exceptions and a storm of interrupts: examples/fpavx. */
@ParameterizedClass
@EnumSource(Way.class)
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FloatingPointSampleTest {
  @Parameter private Way way;

  /** A host that computes itself, so that its registers are not the enclave's. */
  public static final class Servant {
    private final List<Double> reported = new ArrayList<>();

    public double ocallReport(double value) {
      reported.add(value);
      double noise = 0;
      for (int i = 1; i < 100; i++) {
        noise += Math.sin(i) / i;
      }
      return noise > -100 ? value : noise;
    }
  }

  @Test
  void resultsAreThoseOfJava() {
    try (var hosting = Hosting.on(way);
        Enclave enclave = hosting.load("fpavx")) {
      var servant = new Servant();
      enclave.serve(servant);
      double sum = 0;
      for (int i = 0; i < 10_000; i++) {
        sum += (i % 2 == 0 ? 1.0 : -1.0) / (2 * i + 1);
      }
      assertThat(enclave.call("leibniz", 10_000L).value()).isEqualTo(4 * sum);
      assertThat(servant.reported).hasSize(3).allSatisfy(value -> assertThat(value).isCloseTo(Math.PI, within(0.001)));
      assertThat(enclave.call("control_words").value()).isEqualTo(1);
    }
  }

  @Test
  void theComponentsAreThoseOfXfrm() {
    try (var hosting = Hosting.on(way);
        Enclave enclave = hosting.load("fpavx")) {
      long xfrm = hosting.monitor().secs(enclave.id()).attributes().xfrm();
      assertThat(enclave.call("components").value()).isEqualTo(xfrm);
      assertThat(xfrm & 3).isEqualTo(3);
    }
  }

  @Test
  void registersSurviveExceptionsWhoseHandlersUseThem() {
    try (var hosting = Hosting.on(way);
        Enclave enclave = hosting.load("fpavx")) {
      for (long seed = 1; seed < 50; seed++) {
        assertThat(enclave.call("hold_through_exception", seed).value()).as("seed %d", seed).isEqualTo(0);
        assertThat(enclave.call("x87_through_exception").value()).isEqualTo(0);
      }
    }
  }

  @Test
  void registersSurviveAStormOfInterrupts() throws ExecutionException, InterruptedException {
    try (var hosting = Hosting.recording(way);
        Enclave enclave = hosting.load("fpavx");
        var pool = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      hosting.events().clear();
      List<Future<Object>> calls = new ArrayList<>();
      for (long seed : new long[] {42, 43}) {
        calls.add(pool.submit(() -> enclave.call("hold", seed, 300_000_000L).value()));
      }
      while (!calls.stream().allMatch(Future::isDone)) {
        hosting.interrupt(enclave);
        Thread.onSpinWait();
      }
      for (Future<Object> call : calls) {
        assertThat(call.get()).as("registers that changed").isEqualTo(0);
      }
      long interrupts =
          hosting.events().stream()
              .filter(event -> event instanceof MonitorEvent.AsynchronousExit exit && exit.vector() == null)
              .count();
      assertThat(interrupts).as("interrupts while inside").isGreaterThan(5);
    }
  }
}
