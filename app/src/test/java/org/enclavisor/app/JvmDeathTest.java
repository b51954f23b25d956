package org.enclavisor.app;

import java.util.concurrent.TimeUnit;
import org.enclavisor.host.Enclave;
import org.enclavisor.testkit.KilledJvm;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Killing the JVM leaves no process behind, whatever its enclaves are doing. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class JvmDeathTest {
  private static final int IDLE = 3;

  @ParameterizedTest
  @EnumSource
  void enclaveProcessesDieWithTheJvm(Way way) {
    KilledJvm.assertNothingSurvives(JvmDeathTest.class, IDLE + 1, way.name());
  }

  /** Holds enclaves that are idle, one that loops inside, and waits to be killed. */
  public static void main(String[] arguments) throws InterruptedException {
    var hosting = Hosting.on(Way.valueOf(arguments[0]));
    for (int i = 0; i < IDLE; i++) {
      hosting.load("hello").call("hello", "you");
    }
    Enclave looping = hosting.load("hostile");
    looping.call("attack", 0, 0L);
    Thread thread = Thread.ofPlatform().daemon().start(() -> looping.call("attack", 60, 0L));
    thread.join(200);
    System.out.println(thread.isAlive() ? KilledJvm.READY : "it does not loop");
    Thread.sleep(TimeUnit.MINUTES.toMillis(2));
  }
}
