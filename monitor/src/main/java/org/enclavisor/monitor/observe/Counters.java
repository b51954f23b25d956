package org.enclavisor.monitor.observe;

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
    STAY,
    /** A page fault after which the enclave went on without an exit. */
    SERVED
  }

  /**
   * Something that was done, in one way of ending.
   *
   * @param subject the leaf's name, of a stay that which began it
   * @param outcome {@code ok}, the name of an error or exception; of a stay {@code EEXIT}, an exception or {@code
   *     interrupt}
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

  /**
   * The calling thread's stay inside, if it is inside. A thread is in one enclave at a time, and comes out the way it did
   * before, nearly always: that saves looking the tally up.
   */
  private static final class Stay {
    private long since;
    private @Nullable EncluLeaf leaf;
    private @Nullable EnclaveId lastId;
    private @Nullable EncluLeaf lastLeaf;
    private @Nullable Object lastOutcome;
    private @Nullable Tally last;
  }

  private final ThreadLocal<Stay> stays = ThreadLocal.withInitial(Stay::new);

  private static final class OfEnclave {
    private final Map<TallyKey, Tally> tallies = new ConcurrentHashMap<>();

    Tally tally(Kind kind, @Nullable Enum<?> leaf, Object outcome) {
      TallyKey key = new TallyKey(kind, leaf, outcome);
      Tally tally = tallies.get(key);
      return tally != null ? tally : tallies.computeIfAbsent(key, _ -> new Tally());
    }
  }

  @Override
  public void accept(MonitorEvent event) {
    EnclaveId id = event.id();
    switch (event) {
      case MonitorEvent.Entered e -> {
        Stay stay = stays.get();
        stay.since = e.nanos();
        stay.leaf = e.leaf();
      }
      case MonitorEvent.Exited e -> left(id, EncluLeaf.EEXIT, e.nanos());
      case MonitorEvent.AsynchronousExit e -> {
        Vector vector = e.vector();
        left(id, vector == null ? "interrupt" : vector, e.nanos());
      }
      case MonitorEvent.Encls e -> {
        Tally tally = enclave(id).tally(Kind.ENCLS, e.leaf(), outcome(e.outcome()));
        tally.add(e.duration());
        tally.addPages(e.pages());
      }
      case MonitorEvent.Enclu e -> enclave(id).tally(Kind.ENCLU, e.leaf(), outcome(e.outcome())).add(e.duration());
      case MonitorEvent.Refused e -> enclave(id).tally(Kind.ENCLU, e.leaf(), outcome(e.fault())).add(0);
      case MonitorEvent.Served e -> enclave(id).tally(Kind.SERVED, Vector.PF, "ok").add(e.duration());
      case MonitorEvent.LifeCycle _ -> {}
    }
  }

  private OfEnclave enclave(EnclaveId id) {
    OfEnclave enclave = enclaves.get(id);
    return enclave != null ? enclave : enclaves.computeIfAbsent(id, _ -> new OfEnclave());
  }

  private void left(EnclaveId id, Object outcome, long nanos) {
    Stay stay = stays.get();
    EncluLeaf leaf = stay.leaf;
    if (leaf == null) {
      return; // it went in before anybody counted
    }
    stay.leaf = null;
    Tally tally = stay.last;
    if (tally == null || leaf != stay.lastLeaf || outcome != stay.lastOutcome || !id.equals(stay.lastId)) {
      tally = enclave(id).tally(Kind.STAY, leaf, outcome);
      stay.lastId = id;
      stay.lastLeaf = leaf;
      stay.lastOutcome = outcome;
      stay.last = tally;
    }
    tally.add(nanos - stay.since);
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
    return enclave.tallies.entrySet().stream()
        .map(entry -> new Row(entry.getKey().key(), entry.getValue().pages(), entry.getValue().times()))
        .sorted(
            Comparator.comparing((Row row) -> row.key().kind())
                .thenComparing(row -> row.key().subject())
                .thenComparing(row -> row.key().outcome()))
        .toList();
  }

  /** Drops what was counted of an enclave. For one that is removed: what its threads still do may get lost. */
  public void forget(EnclaveId id) {
    enclaves.remove(id);
  }
}
