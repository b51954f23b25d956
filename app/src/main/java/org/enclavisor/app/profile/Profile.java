package org.enclavisor.app.profile;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.enclavisor.host.CallObserver.Direction;

/**
 * A recording: who called what and when. A value; times are in nanoseconds of one clock.
 *
 * @param lanes the threads that made calls
 * @param exits all asynchronous exits
 * @param paging pages that came and went
 * @param transition what a way in and out cost meanwhile
 * @param dropped how many calls were made after the recording was full
 */
public record Profile(
    List<Lane> lanes, List<AsynchronousExit> exits, List<Paging> paging, Transitions.Cost transition, int dropped) {

  /** The cause of an asynchronous exit that is no exception. */
  static final String INTERRUPT = "interrupt";

  /** A page fault after which the enclave went on at once. */
  static final String SERVED = "SERVED";

  /** One thread's calls, outermost ones. */
  public record Lane(String thread, List<Call> calls) {}

  /**
   * @param cause the exception, or {@link #INTERRUPT}
   * @param during the ECALL under way, or empty
   */
  public record AsynchronousExit(long nanos, String cause, String during) {}

  /**
   * @param nanos when it ended
   * @param kind a name of {@link org.enclavisor.monitor.observe.PagingKind}, or {@link #SERVED}
   * @param took in nanoseconds
   */
  public record Paging(long nanos, String kind, long pages, long took) {}

  /** A function and what can be said of all its calls together. */
  public record Function(Direction direction, String name, List<Call> calls) {

    /** How often. */
    public int count() {
      return calls.size();
    }

    /** All together, with what was called from within. */
    public long total() {
      return calls.stream().mapToLong(Call::nanos).sum();
    }

    /** Of the times of its calls. */
    public long quantile(double share) {
      return Profile.quantile(calls.stream().mapToLong(Call::nanos).sorted().toArray(), share);
    }

    long work(long transition, double share) {
      return Profile.quantile(calls.stream().mapToLong(call -> call.work(transition)).sorted().toArray(), share);
    }

    /** How often the thread went in and out on behalf of it: for each stay inside, or once for an OCALL. */
    public long transitions() {
      return switch (direction) {
        case ECALL -> calls.stream().mapToLong(Call::stays).sum();
        case OCALL -> calls.size();
      };
    }

    /** Which part of its time, and of the way there and back, goes into transitions. */
    public double shareInTransitions(long transition) {
      double ways = (double) transitions() * transition;
      return switch (direction) {
        case ECALL -> Math.min(1, ways / Math.max(1, total()));
        case OCALL -> ways / Math.max(1, total() + ways);
      };
    }
  }

  static long quantile(long[] sorted, double share) {
    int last = sorted.length - 1;
    return last < 0 ? 0 : sorted[Math.clamp((long) Math.ceil(share * sorted.length) - 1, 0, last)];
  }

  /** All calls, each before those made from within it. */
  void forEach(Consumer<Call> consumer) {
    for (Lane lane : lanes) {
      lane.calls.forEach(call -> walk(call, consumer));
    }
  }

  private static void walk(Call call, Consumer<Call> consumer) {
    consumer.accept(call);
    call.children().forEach(child -> walk(child, consumer));
  }

  /** The functions that were called, those that took most time first. */
  public List<Function> functions() {
    record Key(Direction direction, String name) {}
    Map<Key, List<Call>> calls = new LinkedHashMap<>();
    forEach(
        call ->
            calls.computeIfAbsent(new Key(call.direction(), call.name()), _ -> new ArrayList<>()).add(call));
    return calls.entrySet().stream()
        .map(entry -> new Function(entry.getKey().direction, entry.getKey().name, entry.getValue()))
        .sorted(Comparator.comparingLong(Function::total).reversed())
        .toList();
  }

  /** When the first call began; 0 if there was none. */
  public long begin() {
    return lanes.stream().flatMap(lane -> lane.calls.stream()).mapToLong(Call::begin).min().orElse(0);
  }

  /** When the last call ended. */
  public long end() {
    return lanes.stream().flatMap(lane -> lane.calls.stream()).mapToLong(Call::end).max().orElse(0);
  }

  /** Time in calls, all threads together. */
  public long inCalls() {
    return lanes.stream().flatMap(lane -> lane.calls.stream()).mapToLong(Call::nanos).sum();
  }

  /** How often somebody went in and out. */
  public long transitions() {
    long[] count = new long[1];
    forEach(call -> count[0] += call.stays());
    return count[0];
  }

  /** Which part of the time in calls went into transitions. */
  public double shareInTransitions() {
    return Math.min(1, (double) transitions() * transition.nanos() / Math.max(1, inCalls()));
  }
}
