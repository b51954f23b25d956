package org.enclavisor.monitor.paging;

/** How many EPC pages there are, and how many of them are in use. Under the pager's lock. */
final class EpcBudget {
  /** Room kept for version arrays, which eviction itself needs. */
  static final int HEADROOM = 3;

  final long pages;
  private long used;

  EpcBudget(long pages) {
    this.pages = pages;
  }

  long used() {
    return used;
  }

  /** Whether so many more pages leave the headroom free. */
  boolean hasRoom(long more) {
    return used + more <= pages - HEADROOM;
  }

  /** Whether there is a page at all, for eviction's own needs. */
  boolean hasPage() {
    return used < pages;
  }

  void take(long count) {
    used += count;
  }

  void give(long count) {
    used -= count;
  }
}
