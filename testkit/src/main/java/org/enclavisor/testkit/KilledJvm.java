package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Reg.RBX;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.enclavisor.monitor.spi.Platform;

/**
 * A JVM that runs enclaves and is killed, to see that nothing survives it. {@link #main} is what it runs.
 */
public final class KilledJvm {
  /** What the program says when it can be killed. */
  public static final String READY = "ready";

  private KilledJvm() {}

  /**
   * Starts a JVM with enclaves that run and enclaves that wait, kills it, and fails unless all its processes go too.
   *
   * @param platform opens the platform; it needs a constructor without arguments
   */
  public static void assertNothingSurvives(Class<? extends Supplier<Platform>> platform) {
    assertNothingSurvives(KilledJvm.class, 2, platform.getName());
  }

  /**
   * The same with another program, which has to write a line {@code ready} as soon as it can be killed.
   *
   * @param program has a main method
   * @param processes how many processes it has made by then, at least
   */
  public static void assertNothingSurvives(Class<?> program, int processes, String... arguments) {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), program.getName()));
    command.addAll(List.of(arguments));
    try {
      Process jvm = new ProcessBuilder(command).redirectErrorStream(true).start();
      try (var output = new BufferedReader(new InputStreamReader(jvm.getInputStream()))) {
        var said = new StringBuilder();
        String line = output.readLine();
        for (; line != null && !line.equals(READY); line = output.readLine()) {
          said.append(line).append('\n');
        }
        assertThat(line).as("the JVM said: %s", said).isEqualTo(READY);
        Set<Long> enclaves = ProcessView.children(jvm.pid());
        assertThat(enclaves).as("enclave processes").hasSizeGreaterThanOrEqualTo(processes);
        jvm.destroyForcibly();
        assertThat(jvm.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertGone(enclaves);
      } finally {
        jvm.destroyForcibly();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  private static void assertGone(Set<Long> processes) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (processes.stream().anyMatch(ProcessView::lives) && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }
    assertThat(processes).as("processes that survived").noneMatch(ProcessView::lives);
  }

  /** Opens the platform named, runs two processors of one enclave and none of another, and waits to be killed. */
  public static void main(String[] arguments) throws InterruptedException {
    var platform = open(arguments[0]);
    var running = new Testbed(platform, 2);
    long rip = running.program(c -> {
      var loop = c.label();
      c.bind(loop).lockInc(RBX, 0).jmp(loop);
    });
    for (int i = 0; i < 2; i++) {
      var registers = running.at(rip);
      registers.rbx = running.space().untrustedBase() + 64 * i;
      Testbed.start(running.processor(), registers);
      running.awaitUntrusted(64 * i, 10);
    }
    var waiting = new Testbed(platform, 1);
    waiting.processor().interrupt();
    System.out.println(READY);
    Thread.sleep(TimeUnit.MINUTES.toMillis(1));
  }

  private static Platform open(String name) {
    try {
      var constructor = Class.forName(name).getDeclaredConstructor();
      constructor.setAccessible(true);
      return (Platform) ((Supplier<?>) constructor.newInstance()).get();
    } catch (ClassNotFoundException
        | NoSuchMethodException
        | InstantiationException
        | IllegalAccessException
        | InvocationTargetException e) {
      throw new IllegalArgumentException("cannot open a platform by " + name, e);
    }
  }
}
