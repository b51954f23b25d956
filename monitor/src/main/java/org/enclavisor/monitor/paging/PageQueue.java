package org.enclavisor.monitor.paging;

import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Pages in the order in which they came. An entry whose page has gone on since is skipped by whoever takes it out:
 * it says in what state it was put in. Under the pager's lock.
 */
final class PageQueue {
  record Entry(PagedEnclave enclave, long page) {}

  private final int state;
  private final ArrayDeque<Entry> entries = new ArrayDeque<>();

  /** For pages in a state. */
  PageQueue(int state) {
    this.state = state;
  }

  void add(PagedEnclave enclave, long page) {
    enclave.states.set(page, state);
    entries.add(new Entry(enclave, page));
  }

  /** The page that has been here for the longest time; null if there is none. */
  @Nullable Entry take() {
    Entry entry;
    do {
      entry = entries.poll();
    } while (entry != null && (entry.enclave.gone() || entry.enclave.states.get(entry.page) != state));
    return entry;
  }

  int size() {
    return entries.size();
  }

  /** Drops entries whose pages have gone, when there are many of them. */
  void compact(long resident) {
    if (entries.size() > 2 * resident + 64) {
      entries.removeIf(entry -> entry.enclave.gone() || entry.enclave.states.get(entry.page) != state);
    }
  }
}
