package org.enclavisor.monitor.epc;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The TCS pages of an enclave by page number. Thread-safe; readers need no lock. */
public final class TcsTable {
  private record Snapshot(long[] numbers, TcsPage[] pages) {}

  private volatile Snapshot snapshot = new Snapshot(new long[0], new TcsPage[0]);

  /** The TCS at a page, or null. */
  public @Nullable TcsPage get(long page) {
    Snapshot now = snapshot;
    int index = Arrays.binarySearch(now.numbers, page);
    return index < 0 ? null : now.pages[index];
  }

  /** All of them, by page number. The array is nobody's to change. */
  public TcsPage[] all() {
    return snapshot.pages;
  }

  /** Adds one, in the place of whatever was at its page. */
  public synchronized void add(TcsPage tcs) {
    Snapshot now = snapshot;
    int at = -Arrays.binarySearch(now.numbers, tcs.page) - 1;
    if (at < 0) {
      // One that was trimmed, or evicted, and that nobody can enter any more.
      TcsPage[] pages = now.pages.clone();
      pages[-at - 1] = tcs;
      snapshot = new Snapshot(now.numbers, pages);
      return;
    }
    int size = now.numbers.length;
    long[] numbers = Arrays.copyOf(now.numbers, size + 1);
    TcsPage[] pages = Arrays.copyOf(now.pages, size + 1);
    System.arraycopy(now.numbers, at, numbers, at + 1, size - at);
    System.arraycopy(now.pages, at, pages, at + 1, size - at);
    numbers[at] = tcs.page;
    pages[at] = tcs;
    snapshot = new Snapshot(numbers, pages);
  }

  /** Takes the one at a page out, if there is one. */
  public synchronized void remove(long page) {
    Snapshot now = snapshot;
    int at = Arrays.binarySearch(now.numbers, page);
    if (at < 0) {
      return;
    }
    int size = now.numbers.length;
    long[] numbers = Arrays.copyOf(now.numbers, size - 1);
    TcsPage[] pages = Arrays.copyOf(now.pages, size - 1);
    System.arraycopy(now.numbers, at + 1, numbers, at, size - 1 - at);
    System.arraycopy(now.pages, at + 1, pages, at, size - 1 - at);
    snapshot = new Snapshot(numbers, pages);
  }
}
