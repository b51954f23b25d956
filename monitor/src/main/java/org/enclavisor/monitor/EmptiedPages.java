package org.enclavisor.monitor;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.EpcmTable;
import org.enclavisor.monitor.spi.AddressSpace;

/**
 * Pages of an enclave that EWB has emptied but that still cost memory, since giving memory back takes longer than
 * encrypting a page, and a run of pages takes hardly longer than one. Thread-safe.
 */
final class EmptiedPages {
  private static final int PAGE = 4096;

  private static final MemorySegment ZERO = MemorySegment.ofArray(new byte[PAGE]).asReadOnly();

  /** So many may wait, which is 2 MiB. */
  private static final int CAPACITY = 512;

  private final EpcmTable entries;
  private final AddressSpace space;

  // Those that were filled again meanwhile are still among them, some twice.
  private final long[] pages = new long[CAPACITY];
  private int count;

  EmptiedPages(EpcmTable entries, AddressSpace space) {
    this.entries = entries;
    this.space = space;
  }

  /** The caller has the page exclusively, and nobody can reach it. */
  void empty(long page) {
    if (keep(page)) {
      // Quicker than filling.
      MemorySegment.copy(ZERO, 0, space.enclave(), page * PAGE, PAGE);
    } else {
      space.discard(page * PAGE, PAGE);
    }
  }

  private synchronized boolean keep(long page) {
    if (count == CAPACITY) {
      prune();
      if (count > CAPACITY / 2) {
        return false;
      }
    }
    pages[count++] = page;
    return true;
  }

  private void prune() {
    Arrays.sort(pages, 0, count);
    int kept = 0;
    for (int i = 0; i < count; i++) {
      if (!EpcmEntry.valid(entries.bits(pages[i])) && (kept == 0 || pages[kept - 1] != pages[i])) {
        pages[kept++] = pages[i];
      }
    }
    count = kept;
  }

  /** Gives their memory back. A page that a leaf works on is left to the next time. */
  void reclaim() {
    long[] todo;
    synchronized (this) {
      prune();
      todo = Arrays.copyOf(pages, count);
      count = 0;
    }
    int i = 0;
    while (i < todo.length) {
      int from = i;
      // Locked, they cannot be filled.
      while (i < todo.length && todo[i] == todo[from] + (i - from) && lock(todo[i])) {
        i++;
      }
      if (i == from) {
        i++;
        continue;
      }
      try {
        space.discard(todo[from] * PAGE, (long) (i - from) * PAGE);
      } finally {
        for (int j = from; j < i; j++) {
          entries.releaseExclusive(todo[j]);
        }
      }
    }
  }

  private boolean lock(long page) {
    if (!entries.tryExclusive(page)) {
      return false;
    }
    if (EpcmEntry.valid(entries.bits(page))) {
      entries.releaseExclusive(page);
      return false;
    }
    return true;
  }
}
