package org.enclavisor.monitor.epc;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The words of 512 neighbouring EPCM entries: one word while all are alike, 4 KiB otherwise. Thread-safe; a word is read
 * at once and whole, and changed by compare-and-set, so that leaves that run at the same time lose none of each other's
 * bits.
 */
final class EpcmChunk {
  static final int ENTRIES = 512;

  private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);

  /** What all entries are, while {@link #words} is null. */
  private volatile long uniform;

  private volatile long @Nullable [] words;

  long get(int index) {
    long[] all = words;
    return all == null ? uniform : (long) WORDS.getVolatile(all, index);
  }

  /** Whether all entries are one word. */
  boolean alike() {
    return words == null;
  }

  /** From what was expected to something else; false if it was not as expected. */
  boolean replace(int index, long expected, long next) {
    long[] all = words;
    if (all == null) {
      all = spread();
    }
    return WORDS.compareAndSet(all, index, expected, next);
  }

  /**
   * Replaces the bits under a mask in a run of entries.
   *
   * @return how many of them have become valid, less how many have ceased to be
   */
  int set(int from, int to, long mask, long bits) {
    long[] all = words;
    if (all == null) {
      synchronized (this) {
        all = words;
        if (all == null) {
          long before = uniform;
          long after = before & ~mask | bits;
          if (before == after) {
            return 0;
          }
          if (from == 0 && to == ENTRIES) {
            uniform = after;
            return ENTRIES * (valid(after) - valid(before));
          }
        }
      }
      all = spread();
    }
    int change = 0;
    for (int i = from; i < to; i++) {
      long before;
      long after;
      do {
        before = (long) WORDS.getVolatile(all, i);
        after = before & ~mask | bits;
      } while (before != after && !WORDS.compareAndSet(all, i, before, after));
      change += valid(after) - valid(before);
    }
    return change;
  }

  private static int valid(long word) {
    return (int) word & EpcmEntry.VALID;
  }

  private synchronized long[] spread() {
    long[] all = words;
    if (all == null) {
      all = new long[ENTRIES];
      if (uniform != 0) {
        Arrays.fill(all, uniform);
      }
      words = all;
    }
    return all;
  }
}
