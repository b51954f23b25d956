package org.enclavisor.app.profile;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.Enclavisor;
import org.enclavisor.host.HostConfig;
import org.enclavisor.host.Isolation;
import org.enclavisor.host.OcallHandler;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.linux.StubPlatform;
import org.enclavisor.monitor.EnclaveCounts;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.junit.jupiter.api.Test;

/** Several threads call one enclave while a recorder listens. */
class RecorderTest {
  private static final Path FOLDER = Path.of("../examples/threads");
  private static final int THREADS = 3;
  private static final int CALLS = 200;

  @Test
  void everyThreadHasItsLaneAndNothingIsLost() throws Exception {
    Recorder recorder = new Recorder();
    EnclaveCounts counts;
    try (var platform = StubPlatform.open();
        Monitor monitor = new Monitor(platform, MonitorConfig.defaults().withEvents(recorder));
        Enclavisor enclavisor = Enclavisor.over(monitor, platform.machine(), Isolation.NONE);
        Enclave enclave =
            enclavisor.load(
                FOLDER.resolve("threads.signed.so"), Edl.read(FOLDER.resolve("threads.edl")),
                HostConfig.defaults().withObserver(recorder));
        var threads = Executors.newFixedThreadPool(THREADS)) {
      enclave.serve((OcallHandler) (_, _) -> null);
      List<Callable<Boolean>> work = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        String name = "thread " + i;
        work.add(
            () -> {
              for (int call = 0; call < CALLS; call++) {
                enclave.call("count_locked", name, 10);
                enclave.call("counted");
              }
              return true;
            });
      }
      for (var result : threads.invokeAll(work)) {
        assertThat(result.get()).isTrue();
      }
      assertThat(enclave.call("counted").value()).isEqualTo((long) THREADS * CALLS * 10);
      counts = monitor.counts(enclave.id());
    }
    Profile profile = recorder.profile(new Transitions.Cost(1000, 1000, 1));
    assertThat(profile.lanes()).hasSizeBetween(2, THREADS + 1);
    Map<String, Integer> made =
        profile.functions().stream().collect(Collectors.toMap(Profile.Function::name, Profile.Function::count));
    assertThat(made)
        .containsEntry("count_locked", THREADS * CALLS)
        .containsEntry("counted", THREADS * CALLS + 1);
    profile.forEach(
        call -> {
          assertThat(call.nanos()).isPositive();
          assertThat(call.work(0)).as("inside is part of the call").isBetween(0L, call.nanos());
          long last = call.begin();
          for (Call child : call.children()) {
            assertThat(child.begin()).isGreaterThanOrEqualTo(last);
            last = child.end();
          }
          assertThat(call.end()).isGreaterThanOrEqualTo(last);
        });
    // All ways in are known to the monitor's own counts; the start code and waiting OCALLs come on top of the calls.
    assertThat(counts.entered()).isGreaterThan(2L * THREADS * CALLS).isEqualTo(counts.exited());
    assertThat(counts.resumed()).isEqualTo(counts.interrupted());
    assertThat(profile.transitions()).isBetween(2L * THREADS * CALLS, counts.entered() + counts.resumed());
  }
}
