package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.enclavisor.host.CallObserver;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.HostConfig;
import org.enclavisor.host.HostException;
import org.enclavisor.host.OcallContext;
import org.enclavisor.host.OcallHandler;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What an observer of calls, and the Flight Recorder, are told of the calls sample. */
class CallObserverTest {
  private final List<String> heard = new ArrayList<>();
  private int depth;

  @TempDir private Path folder;

  private CallObserver.UnderWay begins(CallObserver.Direction direction, int index, String name) {
    heard.add("%d> %s %d %s".formatted(depth++, direction, index, name));
    return status -> heard.add("%d< %s %d".formatted(--depth, name, status));
  }

  private Enclave load(Hosting hosting) {
    CallObserver observer = (enclave, tcs, direction, index, name) -> begins(direction, index, name);
    Enclave enclave = hosting.load("calls", HostConfig.defaults().withObserver(observer));
    enclave.serve((OcallHandler) CallObserverTest::serve);
    return enclave;
  }

  /** {@code ocall_nested} calls back in; {@code ocall_not_nested} fails. */
  private static @Nullable Object serve(OcallContext context, Map<String, @Nullable Object> arguments) {
    return switch (context.name()) {
      case "ocall_nested" -> context.enclave().call("inner", arguments.get("depth")).value();
      case "ocall_not_nested" -> throw new IllegalStateException("as the test wants it");
      default -> null;
    };
  }

  @Test
  void callsAreToldInTheirOrderAndNested() {
    try (var hosting = Hosting.on(Way.STUB);
        Enclave enclave = load(hosting)) {
      assertThat(enclave.call("add", 40, 2).value()).isEqualTo(42);
      assertThat(enclave.call("nest", 1).value()).isEqualTo(1);
    }
    assertThat(heard)
        .containsExactly(
            "0> ECALL 1 add", "0< add 0",
            "0> ECALL 19 nest", "1> OCALL 3 ocall_nested", "2> ECALL 21 inner", "2< inner 0", "1< ocall_nested 0",
            "0< nest 0");
  }

  @Test
  void whatFailsEndsToo() {
    try (var hosting = Hosting.on(Way.STUB);
        Enclave enclave = load(hosting)) {
      assertThatThrownBy(() -> enclave.call("nest_forbidden", 1)).isInstanceOf(HostException.class);
      assertThatThrownBy(() -> enclave.call("add", "x", "y")).isInstanceOf(HostException.class);
      assertThat(enclave.call("add", 1, 1).value()).isEqualTo(2);
    }
    assertThat(heard)
        .containsExactly(
            "0> ECALL 20 nest_forbidden", "1> OCALL 4 ocall_not_nested", "1< ocall_not_nested 1",
            "0< nest_forbidden 0", "0> ECALL 1 add", "0< add -1", "0> ECALL 1 add", "0< add 0");
  }

  /** To load a class of the recorder's events takes tens of milliseconds, which a short command would feel. */
  @Test
  void whoDoesNotRecordDoesNotPayForIt() throws IOException, InterruptedException {
    Path log = folder.resolve("classes.txt");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-Xlog:class+load:file=" + log, "-cp",
                System.getProperty("java.class.path"), "org.enclavisor.app.Main", "run", "../examples/hello")
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("out.txt").toFile())
            .start();
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    assertThat(folder.resolve("out.txt")).content().contains("Hello, world!");
    assertThat(log)
        .content()
        .contains("org.enclavisor.monitor.observe.FlightEvents ", "org.enclavisor.host.Observation ")
        .doesNotContain("jdk.jfr.Event ", "org.enclavisor.host.CallEvent ", "LeafEvent ", "StayEvent ");
  }

  @Test
  void theFlightRecorderHearsTheSame() throws IOException {
    Path file = folder.resolve("calls.jfr");
    try (var hosting = Hosting.on(Way.STUB);
        Enclave enclave = load(hosting);
        Recording recording = new Recording()) {
      enclave.call("add", 1, 1); // before anybody records
      recording.enable("org.enclavisor.Call").withoutThreshold();
      recording.start();
      enclave.call("nest", 1);
      recording.stop();
      enclave.call("add", 1, 1);
      recording.dump(file);
    }
    List<RecordedEvent> events =
        RecordingFile.readAllEvents(file).stream()
            .filter(event -> event.getEventType().getName().equals("org.enclavisor.Call"))
            .toList();
    assertThat(events)
        .extracting(event -> event.getString("direction") + " " + event.getInt("index") + " "
            + event.getString("function") + " " + event.getInt("status"))
        .containsExactlyInAnyOrder("ECALL 19 nest 0", "OCALL 3 ocall_nested 0", "ECALL 21 inner 0");
    assertThat(events).allSatisfy(event -> assertThat(event.getDuration()).isPositive());
    assertThat(heard).as("the observer is told beside it").hasSize(2 + 6 + 2);
  }
}
