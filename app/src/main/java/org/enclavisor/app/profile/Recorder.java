package org.enclavisor.app.profile;

import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.enclavisor.host.CallObserver;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.MonitorEvent;
import org.enclavisor.monitor.observe.Counters;
import org.enclavisor.monitor.observe.PagingKind;
import org.jspecify.annotations.Nullable;

/**
 * Hears of calls and of what the monitor does, and keeps it. Thread-safe: each thread writes what is its own. To be
 * read when nobody calls any more.
 */
public final class Recorder implements CallObserver, Consumer<MonitorEvent> {
  /** So many calls are kept: some 200 MB. Those that follow are only counted. */
  private static final int MOST_CALLS = 2_000_000;

  private final Queue<Track> tracks = new ConcurrentLinkedQueue<>();
  private final ThreadLocal<Track> track = ThreadLocal.withInitial(this::newTrack);
  private final Queue<Profile.AsynchronousExit> exits = new ConcurrentLinkedQueue<>();
  private final Queue<Profile.Paging> paging = new ConcurrentLinkedQueue<>();
  private final AtomicInteger calls = new AtomicInteger();
  private final Counters counters = new Counters();

  private Track newTrack() {
    Track added = new Track(Thread.currentThread().getName());
    tracks.add(added);
    return added;
  }

  @Override
  public UnderWay begins(EnclaveId enclave, long tcs, Direction direction, int index, String name) {
    if (calls.incrementAndGet() > MOST_CALLS) {
      return _ -> {};
    }
    Track mine = track.get();
    Call call = mine.begins(direction, name, System.nanoTime());
    return _ -> mine.ended(call, System.nanoTime());
  }

  /**
   * Notes what the OCALL under way on this thread asks, so that it can be told whether the same is asked again. For
   * those that have an answer. What asks without arguments does not count: its answer may well be another each time.
   */
  public void asked(Map<String, @Nullable Object> arguments) {
    Call call = track.get().current();
    if (call != null && !arguments.isEmpty()) {
      call.question(Question.of(arguments));
    }
  }

  @Override
  public void accept(MonitorEvent event) {
    counters.accept(event);
    switch (event) {
      case MonitorEvent.Entered e -> track.get().entered(e.nanos());
      case MonitorEvent.Exited e -> track.get().left(e.nanos(), false);
      case MonitorEvent.AsynchronousExit e -> {
        Track mine = track.get();
        Vector vector = e.vector();
        Call call = mine.current();
        exits.add(
            new Profile.AsynchronousExit(
                e.nanos(), vector == null ? Profile.INTERRUPT : vector.toString(), call == null ? "" : call.name()));
        mine.left(e.nanos(), true);
      }
      case MonitorEvent.Encls e ->
          PagingKind.of(e.leaf())
              .ifPresent(
                  kind -> paging.add(new Profile.Paging(e.nanos(), kind.name(), e.pages(), e.duration())));
      case MonitorEvent.Served e ->
          paging.add(new Profile.Paging(e.nanos(), Profile.SERVED, 1, e.duration()));
      case MonitorEvent.Enclu _, MonitorEvent.Refused _, MonitorEvent.LifeCycle _ -> {}
    }
  }

  /** Leaves, stays and faults by outcome. */
  public Counters counters() {
    return counters;
  }

  /** What was recorded. When the recording is over. */
  public Profile profile(Transitions.Cost transition) {
    List<Profile.Lane> lanes =
        tracks.stream()
            .filter(each -> !each.roots().isEmpty())
            .map(each -> new Profile.Lane(each.thread(), each.roots()))
            .toList();
    return new Profile(
        lanes, List.copyOf(exits), List.copyOf(paging), transition, Math.max(0, calls.get() - MOST_CALLS));
  }
}
