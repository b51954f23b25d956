package org.enclavisor.host.debug;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/** An enclave's threads by number and by TCS, and what they have been told. Guarded by the target's lock. */
final class ThreadTable {
  private final List<DebugThread> threads = new ArrayList<>();
  private ResumePlan plan = new ResumePlan(Map.of(), ResumePlan.Action.CONTINUE);

  /** The thread of a TCS, which becomes known if it was not. */
  DebugThread at(long tcs) {
    Optional<DebugThread> known = first(thread -> thread.tcs == tcs);
    if (known.isPresent()) {
      return known.get();
    }
    var thread = new DebugThread(threads.size() + 1, tcs);
    thread.action = plan.of(thread.id);
    threads.add(thread);
    return thread;
  }

  /** By the number that the debugger knows. */
  Optional<DebugThread> numbered(int id) {
    return id >= 1 && id <= threads.size() ? Optional.of(threads.get(id - 1)) : Optional.empty();
  }

  Optional<DebugThread> first(Predicate<DebugThread> wanted) {
    return threads.stream().filter(wanted).findFirst();
  }

  List<DebugThread> all(Predicate<DebugThread> wanted) {
    return threads.stream().filter(wanted).toList();
  }

  /** Those that have begun something and not ended it; the first one, if none has. */
  List<DebugThread> shown() {
    List<DebugThread> busy = all(DebugThread::busy);
    return busy.isEmpty() ? threads.stream().limit(1).toList() : busy;
  }

  /** Tells all, and those to come, what to do. */
  void follow(ResumePlan next) {
    plan = next;
    threads.forEach(thread -> thread.action = next.of(thread.id));
  }
}
