package org.enclavisor.monitor.paging;

import org.jspecify.annotations.Nullable;

/**
 * What the pager knows of each page of an enclave, in an int: nothing, in the EPC, or evicted and where to. 512 pages a
 * chunk, made when first used. Under the pager's lock.
 */
final class PageStates {
  /** Not in the pager's care. */
  static final int NONE = 0;

  /** In the EPC. */
  static final int ACTIVE = 1;

  /** In the EPC, and its access was withdrawn to see whether it is used. */
  static final int INACTIVE = 2;

  /** In the EPC, after EBLOCK: there is no way but out. */
  static final int BLOCKED = 3;

  private static final int FIRST_SLOT = 4;
  private static final int CHUNK = 512;

  private final int @Nullable [][] chunks;

  PageStates(long pages) {
    chunks = new int[Math.toIntExact((pages + CHUNK - 1) / CHUNK)][];
  }

  int get(long page) {
    int[] chunk = chunks[(int) (page / CHUNK)];
    return chunk == null ? NONE : chunk[(int) (page % CHUNK)];
  }

  void set(long page, int state) {
    int at = (int) (page / CHUNK);
    int[] chunk = chunks[at];
    if (chunk == null) {
      chunk = new int[CHUNK];
      chunks[at] = chunk;
    }
    chunk[(int) (page % CHUNK)] = state;
  }

  /** The first page in the pager's care from this one on, or −1. */
  long next(long page) {
    long at = page;
    while (at / CHUNK < chunks.length) {
      int[] chunk = chunks[(int) (at / CHUNK)];
      if (chunk == null) {
        at = (at / CHUNK + 1) * CHUNK;
      } else if (chunk[(int) (at % CHUNK)] != NONE) {
        return at;
      } else {
        at++;
      }
    }
    return -1;
  }

  static boolean resident(int state) {
    return state == ACTIVE || state == INACTIVE || state == BLOCKED;
  }

  static boolean evicted(int state) {
    return state >= FIRST_SLOT;
  }

  /** The state of a page that was evicted to a slot. */
  static int evictedTo(int slot) {
    return FIRST_SLOT + slot;
  }

  /** Where an evicted page is. */
  static int slot(int state) {
    return state - FIRST_SLOT;
  }

  /** Calls back for every page in the pager's care. */
  void each(Visitor visitor) {
    for (int at = 0; at < chunks.length; at++) {
      int[] chunk = chunks[at];
      for (int i = 0; chunk != null && i < CHUNK; i++) {
        if (chunk[i] != NONE) {
          visitor.page((long) at * CHUNK + i, chunk[i]);
        }
      }
    }
  }

  interface Visitor {
    void page(long page, int state);
  }
}
