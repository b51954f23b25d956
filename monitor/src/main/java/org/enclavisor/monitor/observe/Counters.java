package org.enclavisor.monitor.observe;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.MonitorEvent;
import org.enclavisor.monitor.Outcome;
import org.jspecify.annotations.Nullable;

/**
 * What each enclave did, how often, how it ended and how long it took: leaves by outcome, stays inside by the way out.
 * A consumer of events, which somebody has to want; what it costs says docs/profile.md.
 *
 * <p>Thread-safe and lock-free. What is counted of an enclave stays until {@link #forget}.
 */
public final class Counters implements Consumer<MonitorEvent> {
  private final Map<EnclaveId, OfEnclave> enclaves = new ConcurrentHashMap<>();

  /** What kind of thing is counted. */
  public enum Kind {
    /** A leaf of ENCLS. */
    ENCLS,
    /** A leaf of ENCLU executed inside, or refused at the door. */
    ENCLU,
    /** A stay inside: from EENTER or ERESUME to the way out. */
    STAY
  }

  /**
   * Something that was done, in one way of ending.
   *
   * @param subject the leaf's name, of a stay that which began it
   * @param outcome {@code ok}, an error's or exception's name; of a stay {@code EEXIT}, an exception or {@code interrupt}
   */
  public record Key(Kind kind, String subject, String outcome) {}

  /**
   * @param pages for how many pages; 0 where that says nothing
   * @param times how often and how long
   */
  public record Row(Key key, long pages, Histogram times) {}

  private record TallyKey(Kind kind, @Nullable Enum<?> subject, Object outcome) {
    Key key() {
      return new Key(kind, subject == null ? "unknown" : subject.name(), outcome.toString());
    }
  }

  /** A thread that is inside. Written by it alone; who asks in between may miss a stay that ends right now. */
  private static final class Stay {
    private long since;
    private @Nullable EncluLeaf leaf;
    private final Map<TallyKey, Tally> tallies = new ConcurrentHashMap<>();
    // A thread comes out the way it did before, nearly always: that saves looking the tally up.
    private @Nullable EncluLeaf lastLeaf;
    private @Nullable Object lastOutcome;
    private @Nullable Tally last;

    void began(EncluLeaf by, long nanos) {
      leaf = by;
      since = nanos;
    }

    void ended(Object outcome, long nanos) {
      EncluLeaf by = leaf;
      if (by == null) {
        return; // it went in before anybody counted
      }
      leaf = null;
      Tally tally = last;
      if (tally == null || by != lastLeaf || outcome != lastOutcome) {
        tally = tallies.computeIfAbsent(new TallyKey(Kind.STAY, by, outcome), _ -> new Tally());
        lastLeaf = by;
        lastOutcome = outcome;
        last = tally;
      }
      tally.add(nanos - since);
    }
  }

  private static final class OfEnclave {
    private final Map<TallyKey, Tally> leaves = new ConcurrentHashMap<>();
    private final Map<Long, Stay> threads = new ConcurrentHashMap<>();

    Tally leaf(Kind kind, @Nullable Enum<?> leaf, Object outcome) {
      return leaves.computeIfAbsent(new TallyKey(kind, leaf, outcome), _ -> new Tally());
    }

    Stay thread(long tcs) {
      Stay stay = threads.get(tcs);
      return stay != null ? stay : threads.computeIfAbsent(tcs, _ -> new Stay());
    }
  }

  @Override
  public void accept(MonitorEvent event) {
    OfEnclave enclave = enclaves.get(event.id());
    if (enclave == null) {
      enclave = enclaves.computeIfAbsent(event.id(), _ -> new OfEnclave());
    }
    switch (event) {
      case MonitorEvent.Encls e -> {
        Tally tally = enclave.leaf(Kind.ENCLS, e.leaf(), outcome(e.outcome()));
        tally.add(e.duration());
        tally.addPages(e.pages());
      }
      case MonitorEvent.Enclu e -> enclave.leaf(Kind.ENCLU, e.leaf(), outcome(e.outcome())).add(e.duration());
      case MonitorEvent.Refused e -> enclave.leaf(Kind.ENCLU, e.leaf(), outcome(e.fault())).add(0);
      case MonitorEvent.Entered e -> enclave.thread(e.tcs()).began(e.leaf(), e.nanos());
      case MonitorEvent.Exited e -> enclave.thread(e.tcs()).ended(EncluLeaf.EEXIT, e.nanos());
      case MonitorEvent.AsynchronousExit e -> {
        Vector vector = e.vector();
        enclave.thread(e.tcs()).ended(vector == null ? "interrupt" : vector, e.nanos());
      }
      case MonitorEvent.LifeCycle _ -> {}
    }
  }

  private static Object outcome(Outcome outcome) {
    return switch (outcome) {
      case Outcome.Ok _ -> "ok";
      case Outcome.Error error -> error.error();
      case Outcome.Fault fault -> fault.vector();
    };
  }

  /** The enclaves of which something is counted. */
  public List<EnclaveId> enclaves() {
    return enclaves.keySet().stream()
        .sorted(Comparator.comparingLong(EnclaveId::instance).thenComparingInt(EnclaveId::generation))
        .toList();
  }

  /** What is counted of an enclave up to now, ordered by kind, subject and outcome. Empty if nothing is known of it. */
  public List<Row> rows(EnclaveId id) {
    OfEnclave enclave = enclaves.get(id);
    if (enclave == null) {
      return List.of();
    }
    Map<Key, Row> rows = new ConcurrentHashMap<>();
    add(rows, enclave.leaves);
    enclave.threads.values().forEach(stay -> add(rows, stay.tallies));
    List<Row> ordered = new ArrayList<>(rows.values());
    ordered.sort(
        Comparator.comparing((Row row) -> row.key().kind())
            .thenComparing(row -> row.key().subject())
            .thenComparing(row -> row.key().outcome()));
    return ordered;
  }

  private static void add(Map<Key, Row> rows, Map<TallyKey, Tally> tallies) {
    tallies.forEach(
        (key, tally) ->
            rows.merge(
                key.key(),
                new Row(key.key(), tally.pages(), tally.times()),
                (one, other) ->
                    new Row(one.key(), one.pages() + other.pages(), one.times().plus(other.times()))));
  }

  /** Drops what was counted of an enclave. */
  public void forget(EnclaveId id) {
    enclaves.remove(id);
  }
}
