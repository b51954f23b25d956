package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.enclavisor.app.Journey.Luggage;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.EnclaveLostException;
import org.enclavisor.host.HostException;
import org.enclavisor.host.PendingCall;
import org.enclavisor.monitor.state.StateProgress;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** An enclave that does its worst stands still like any other, and goes on with it elsewhere. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostileStopTest {
  private static final int LOOP = 60;
  private static final int STORM = 61;
  private static final int LEAVES = 82;
  private static final long MANY = 1L << 40;

  private static byte[] write(Hosting hosting, Enclave enclave) throws IOException {
    var out = new ByteArrayOutputStream();
    hosting.monitor().checkpoints().write(enclave.id(), Channels.newChannel(out), false, StateProgress.NONE);
    return out.toByteArray();
  }

  private static Thread inside(Runnable call) {
    return Thread.ofPlatform().daemon().start(() -> {
      try {
        call.run();
      } catch (HostException e) {
        // Ends with its enclave.
      }
    });
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "STUB_ONE_CORE")
  void whoLoopsFaultsOrRunsLeavesAllTheTimeStandsStill(Way way) throws IOException, InterruptedException {
    try (var hosting = Hosting.on(way); var other = Hosting.on(way)) {
      Enclave enclave = hosting.load("hostile", Journey.CONFIG);
      Enclave first = enclave;
      long[][] attacks = {{LOOP, 0}, {STORM, MANY}, {LEAVES, MANY}};
      var threads = List.of(attacks).stream().map(a -> inside(() -> first.call("attack", (int) a[0], a[1]))).toList();
      Hosting where = hosting;
      for (int life = 0; life < 4; life++) {
        TimeUnit.MILLISECONDS.sleep(20);
        assertThat(enclave.pause(Duration.ofSeconds(30))).isTrue();
        where.monitor().checkpoints().stop(enclave.id());
        byte[] state = write(where, enclave);
        TimeUnit.MILLISECONDS.sleep(20);
        assertThat(write(where, enclave)).as("it stands still").isEqualTo(state);
        var luggage = new Luggage(state, enclave.snapshot(Duration.ofSeconds(30)));
        enclave.close();
        where = where == hosting ? other : hosting;
        enclave = Journey.restored(where, "hostile", luggage);
        assertThat(enclave.pendingCalls().size()).isLessThanOrEqualTo(attacks.length);
        enclave.pendingCalls().forEach(call -> inside(call::finish));
      }
      assertThat(enclave.pendingCalls()).extracting(PendingCall::ecall).containsOnly("attack");
      enclave.close();
      for (Thread thread : threads) {
        assertThat(thread.join(Duration.ofSeconds(10))).isTrue();
      }
    } catch (EnclaveLostException e) {
      throw new AssertionError("only the enclave's own calls are lost", e);
    }
  }
}
