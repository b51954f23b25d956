package org.enclavisor.monitor.observe;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.monitor.Allocation;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.MonitorEvent;
import org.enclavisor.monitor.Outcome;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the Flight Recorder has of it when it is read back. */
class FlightEventsTest {
  private static final List<String> NAMES =
      List.of("Leaf", "Stay", "AsynchronousExit", "Fault", "Paging", "LifeCycle");

  @TempDir private Path folder;

  private interface Work {
    void run();
  }

  private List<RecordedEvent> recorded(Work work) throws IOException {
    Path file = folder.resolve("recording.jfr");
    try (Recording recording = new Recording()) {
      NAMES.forEach(name -> recording.enable("org.enclavisor." + name).withoutThreshold());
      recording.start();
      work.run();
      recording.stop();
      recording.dump(file);
    }
    return RecordingFile.readAllEvents(file).stream()
        .filter(event -> event.getEventType().getName().startsWith("org.enclavisor."))
        .toList();
  }

  private static List<RecordedEvent> named(List<RecordedEvent> events, String name) {
    return events.stream().filter(event -> event.getEventType().getName().equals("org.enclavisor." + name)).toList();
  }

  @Test
  void everyKindCanBeReadBack() throws IOException {
    FlightEvents recorder = new FlightEvents();
    EnclaveId[] id = new EnclaveId[1];
    long[] tcs = new long[1];
    List<RecordedEvent> events =
        recorded(
            () -> {
              try (WatchedMonitor watched = new WatchedMonitor(recorder)) {
                id[0] = watched.id();
                tcs[0] = watched.tcs();
                watched.call();
                watched.callWithTrouble();
                watched.refusedResume();
                recorder.accept(new MonitorEvent.Served(id[0], 0, tcs[0], 0x5000, 1234));
                recorder.accept(new MonitorEvent.Encls(id[0], 0, EnclsLeaf.EWB, 16, 99, Outcome.success()));
              }
            });
    assertThat(named(events, "Leaf"))
        .allSatisfy(event -> assertThat(event.getLong("enclave")).isEqualTo(id[0].instance()))
        .extracting(event -> event.getString("instruction") + " " + event.getString("leaf") + " "
            + event.getString("outcome"))
        .contains("ENCLS ECREATE ok", "ENCLS EADD ok", "ENCLS EINIT ok", "ENCLS EREMOVE ok", "ENCLU ERESUME #GP");
    assertThat(named(events, "Leaf"))
        .filteredOn(event -> event.getString("leaf").equals("ECREATE"))
        .allSatisfy(event -> assertThat(event.getDuration("took")).isPositive());
    assertThat(named(events, "Stay"))
        .allSatisfy(event -> assertThat(event.getLong("tcs")).isEqualTo(tcs[0]))
        .allSatisfy(event -> assertThat(event.getDuration()).isPositive())
        .extracting(event -> event.getString("leaf") + " " + event.getString("exit"))
        .containsExactly("EENTER EEXIT", "EENTER #DE", "ERESUME interrupt", "ERESUME EEXIT");
    assertThat(named(events, "AsynchronousExit"))
        .extracting(event -> event.getString("cause"))
        .containsExactly("#DE", "interrupt");
    assertThat(named(events, "Fault"))
        .singleElement()
        .satisfies(event -> assertThat(event.getLong("page")).isEqualTo(0x5000))
        .satisfies(event -> assertThat(event.getDuration("took")).hasNanos(1234));
    assertThat(named(events, "Paging"))
        .singleElement()
        .satisfies(event -> assertThat(event.getString("kind")).isEqualTo("EVICTED"))
        .satisfies(event -> assertThat(event.getLong("pages")).isEqualTo(16));
    assertThat(named(events, "LifeCycle"))
        .extracting(event -> event.getString("to"))
        .containsExactly("INITIALISED", "DESTROYED");
  }

  @Test
  void whileNothingIsRecordedNoEventIsMade() {
    FlightEvents recorder = new FlightEvents();
    try (WatchedMonitor watched = new WatchedMonitor(recorder)) {
      assertThat(recorder.wanted()).isFalse();
      for (int i = 0; i < 30_000; i++) {
        watched.call();
      }
      long before = Allocation.bytes();
      for (int i = 0; i < 20_000; i++) {
        watched.call();
      }
      // The test's own EnterCall, at most; with events it would be three times that.
      assertThat(Allocation.bytes() - before).isLessThan(20_000 * 56);
    }
  }

  @Test
  void whoStandsBesideTheRecorderHearsAll() throws IOException {
    AtomicLong heard = new AtomicLong();
    var both = FlightEvents.beside(event -> heard.incrementAndGet());
    assertThat(both.wanted()).isTrue();
    try (WatchedMonitor watched = new WatchedMonitor(both)) {
      watched.call();
    }
    long alone = heard.getAndSet(0);
    assertThat(alone).isPositive();
    List<RecordedEvent> events =
        recorded(
            () -> {
              try (WatchedMonitor watched = new WatchedMonitor(both)) {
                watched.call();
              }
            });
    assertThat(heard.get()).isEqualTo(alone);
    assertThat(named(events, "Stay")).hasSize(1);
  }
}
