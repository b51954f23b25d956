package org.enclavisor.monitor.observe;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.EnclaveCounts;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.MonitorEvent;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.observe.Counters.Key;
import org.enclavisor.monitor.observe.Counters.Kind;
import org.junit.jupiter.api.Test;

class CountersTest {
  private static final EnclaveId ID = new EnclaveId(1, 1);

  private static Map<Key, Long> counts(Counters counters, EnclaveId id) {
    return counters.rows(id).stream().collect(Collectors.toMap(Counters.Row::key, row -> row.times().count()));
  }

  @Test
  void leavesAndStaysAreCountedByHowTheyEnd() {
    Counters counters = new Counters();
    try (WatchedMonitor watched = new WatchedMonitor(counters)) {
      for (int i = 0; i < 5; i++) {
        watched.call();
      }
      watched.callWithTrouble();
      watched.refusedResume();
      assertThat(counts(counters, watched.id()))
          .containsEntry(new Key(Kind.STAY, "EENTER", "EEXIT"), 5L)
          .containsEntry(new Key(Kind.STAY, "EENTER", "#DE"), 1L)
          .containsEntry(new Key(Kind.STAY, "ERESUME", "interrupt"), 1L)
          .containsEntry(new Key(Kind.STAY, "ERESUME", "EEXIT"), 1L)
          .containsEntry(new Key(Kind.ENCLU, "ERESUME", "#GP"), 1L)
          .containsEntry(new Key(Kind.ENCLS, "ECREATE", "ok"), 1L)
          .containsEntry(new Key(Kind.ENCLS, "EINIT", "ok"), 1L)
          .containsKey(new Key(Kind.ENCLS, "EADD", "ok"));
      assertThat(counters.enclaves()).containsExactly(watched.id());
      assertThat(counters.rows(watched.id()))
          .filteredOn(row -> row.key().subject().equals("EADD"))
          .extracting(Counters.Row::pages)
          .as("the pages of the test enclave")
          .containsExactly(11L);
      counters.forget(watched.id());
      assertThat(counters.rows(watched.id())).isEmpty();
    }
  }

  @Test
  void theMonitorCountsByItself() {
    try (WatchedMonitor watched = new WatchedMonitor(event -> {})) {
      watched.call();
      watched.call();
      watched.callWithTrouble();
      watched.refusedResume();
      assertThat(watched.monitor.counts(watched.id()))
          .isEqualTo(new EnclaveCounts(3, 2, 3, 1, Map.of(Vector.DE, 1L), Map.of(), 0, 0, 0, 0));
    }
  }

  @Test
  void outcomesAreToldApart() {
    Counters counters = new Counters();
    counters.accept(new MonitorEvent.Encls(ID, 10, EnclsLeaf.EADD, 3, 100, Outcome.success()));
    counters.accept(new MonitorEvent.Encls(ID, 20, EnclsLeaf.EADD, 2, 300, Outcome.success()));
    counters.accept(new MonitorEvent.Encls(ID, 30, EnclsLeaf.EADD, 0, 50, Outcome.gp("why")));
    counters.accept(new MonitorEvent.Enclu(ID, 40, 0x1000, 77, null, 5, Outcome.gp("no such leaf")));
    counters.accept(new MonitorEvent.Served(ID, 50, 0x1000, 0x5000, 70));
    assertThat(counters.rows(ID))
        .containsExactly(
            new Counters.Row(new Key(Kind.ENCLS, "EADD", "#GP"), 0, Histogram.of(50)),
            new Counters.Row(new Key(Kind.ENCLS, "EADD", "ok"), 5, Histogram.of(100, 300)),
            new Counters.Row(new Key(Kind.ENCLU, "unknown", "#GP"), 0, Histogram.of(5)),
            new Counters.Row(new Key(Kind.SERVED, "PF", "ok"), 0, Histogram.of(70)));
  }

  @Test
  void nothingIsLostWhenManyCount() throws Exception {
    Counters counters = new Counters();
    try (var threads = Executors.newFixedThreadPool(4)) {
      Callable<Boolean> rounds =
          () -> {
            for (int i = 0; i < 20_000; i++) {
              counters.accept(new MonitorEvent.Entered(ID, i, 0x1000, EncluLeaf.EENTER, 0));
              counters.accept(new MonitorEvent.Exited(ID, i + 9, 0x1000));
            }
            return true;
          };
      threads.invokeAll(IntStream.range(0, 4).mapToObj(_ -> rounds).toList());
    }
    Counters.Row row = counters.rows(ID).getFirst();
    assertThat(row.times().count()).isEqualTo(80_000);
    assertThat(row.times().total()).isEqualTo(720_000);
  }
}
