package org.enclavisor.monitor.observe;

import java.util.concurrent.atomic.AtomicLongArray;

/** A histogram that grows. Lock-free: two atomic additions a time; a reader may see one of them before the other. */
final class Tally {
  private static final int TOTAL = Histogram.BUCKETS;
  private static final int PAGES = Histogram.BUCKETS + 1;

  private final AtomicLongArray cells = new AtomicLongArray(Histogram.BUCKETS + 2);

  void add(long nanos) {
    cells.getAndIncrement(Histogram.bucket(nanos));
    cells.getAndAdd(TOTAL, nanos);
  }

  void addPages(long pages) {
    cells.getAndAdd(PAGES, pages);
  }

  long pages() {
    return cells.get(PAGES);
  }

  Histogram times() {
    long[] counts = new long[Histogram.BUCKETS];
    for (int i = 0; i < counts.length; i++) {
      counts[i] = cells.get(i);
    }
    return new Histogram(counts, cells.get(TOTAL));
  }
}
