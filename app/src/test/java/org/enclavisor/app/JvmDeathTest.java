package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.enclavisor.host.Enclave;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Killing the JVM leaves no process behind, whatever its enclaves are doing. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class JvmDeathTest {
  private static final String READY = "ready";
  private static final int IDLE = 3;

  @ParameterizedTest
  @EnumSource
  void enclaveProcessesDieWithTheJvm(Way way) throws IOException, InterruptedException {
    Process jvm =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC",
                "-cp", System.getProperty("java.class.path"), JvmDeathTest.class.getName(), way.name())
            .redirectErrorStream(true)
            .start();
    try (var output = new BufferedReader(new InputStreamReader(jvm.getInputStream()))) {
      var said = new StringBuilder();
      String line = output.readLine();
      for (; line != null && !line.equals(READY); line = output.readLine()) {
        said.append(line).append('\n');
      }
      assertThat(line).as("the JVM said: %s", said).isEqualTo(READY);
      Set<Long> processes = ProcessView.children(jvm.pid());
      assertThat(processes).hasSizeGreaterThanOrEqualTo(IDLE + 1);
      jvm.destroyForcibly(); // SIGKILL
      assertThat(jvm.waitFor(10, TimeUnit.SECONDS)).isTrue();
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
      while (processes.stream().anyMatch(ProcessView::lives) && System.nanoTime() < deadline) {
        Thread.onSpinWait();
      }
      assertThat(processes).as("processes that survived").noneMatch(ProcessView::lives);
    } finally {
      jvm.destroyForcibly();
    }
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
    System.out.println(thread.isAlive() ? READY : "it does not loop");
    Thread.sleep(TimeUnit.MINUTES.toMillis(2));
  }
}
