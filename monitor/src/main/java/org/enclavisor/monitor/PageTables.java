package org.enclavisor.monitor;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.EpcmTable;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.Translations;
import org.enclavisor.monitor.spi.AddressSpace;

/**
 * Makes the machine's page tables follow the EPCM and the host's mappings: what enclave code can do with a page is the
 * intersection of the two. What the machine grants at the moment is kept beside each EPCM entry, so that nothing is
 * done twice.
 *
 * <p>Less access follows late but in time (see {@link Translations}), more access when it is needed: at the fault of a
 * thread that has it, {@link #serve}. Thread-safe.
 */
final class PageTables implements Translations {
  private static final int PAGE = 4096;
  private static final int EXECUTE = 4;

  /** Pages on either side of a fault that are given their access along with it. */
  private static final int AROUND = 15;

  private volatile int around = AROUND;

  private final SecsPage secs;
  private final EpcmTable entries;
  private final HostMappings host;
  private final AddressSpace space;
  private final EmptiedPages emptied;

  /** Held while the machine's tables change. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Object noting = new Object();
  private List<Long> noted = new ArrayList<>();

  /** Whether something is noted: what every entry asks. */
  private volatile boolean stale;

  PageTables(SecsPage secs, HostMappings host, AddressSpace space) {
    this.secs = secs;
    this.entries = secs.pages();
    this.host = host;
    this.space = space;
    this.emptied = new EmptiedPages(entries, space);
  }

  @Override
  public int mapped(long page) {
    return host.bits(page);
  }

  @Override
  public void shrunk(long page) {
    if (entries.granted(page) == 0) {
      return;
    }
    synchronized (noting) {
      noted.add(page);
      stale = true;
    }
  }

  /** Whether the machine grants more than it should. One read. */
  boolean stale() {
    return stale;
  }

  @Override
  public void flush() {
    if (!stale) {
      return;
    }
    lock.lock();
    try {
      List<Long> todo;
      synchronized (noting) {
        todo = noted;
        noted = new ArrayList<>();
      }
      todo.sort(null);
      Runs runs = new Runs(false);
      for (long page : todo) {
        runs.add(page, page + 1, due(page));
      }
      runs.flush();
      // Only now, so that a thread which sees nothing noted finds nothing left to do.
      synchronized (noting) {
        stale = !noted.isEmpty();
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void revoke(long page) {
    // Whoever takes the lock from now on sees the page's entry as the caller has made it, and grants nothing.
    if (!lock.isLocked() && entries.granted(page) == 0) {
      return;
    }
    lock.lock();
    try {
      if (entries.granted(page) != 0) {
        grant(page, page + 1, 0);
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void discard(long page) {
    space.discard(page * PAGE, PAGE);
  }

  @Override
  public void empty(long page) {
    emptied.empty(page);
  }

  @Override
  public void reclaim() {
    emptied.reclaim();
  }

  @Override
  public void written(long page) {
    lock.lock();
    try {
      int granted = entries.granted(page);
      if ((granted & EXECUTE) != 0) {
        space.protect(page * PAGE, PAGE, Permissions.of(granted));
      }
    } finally {
      lock.unlock();
    }
  }

  /** What the machine gets to know at a fault. */
  enum Served {
    /** Nothing: EPCM or host do not allow the access. */
    REFUSED,
    /** That the access is allowed. */
    GRANTED,
    /** Nothing new: it has been told before. */
    KNOWN
  }

  /**
   * At a fault of enclave code: if EPCM and host allow the access, the machine gets to know, and the thread can go on.
   *
   * @param access 1 read, 2 write, 4 execute
   */
  Served serve(long page, int access) {
    lock.lock();
    try {
      int due = due(page);
      if ((due & access) != access) {
        return Served.REFUSED;
      }
      if ((entries.granted(page) & access) == access) {
        return Served.KNOWN;
      }
      long from = page;
      while (page - from < around && from > 0 && late(from - 1, due)) {
        from--;
      }
      long to = page + 1;
      while (to - page <= around && late(to, due)) {
        to++;
      }
      grant(from, to, due);
      recheck(from, to, due);
      return Served.GRANTED;
    } finally {
      lock.unlock();
    }
  }

  /** From now on a fault gives access to its own page alone: somebody wants to know which pages are used. */
  void single() {
    around = 0;
  }

  /** Takes the machine's access to pages away until it is needed again. */
  void withdraw(long[] pages, int count) {
    lock.lock();
    try {
      Runs runs = new Runs(false);
      for (int i = 0; i < count; i++) {
        if (entries.granted(pages[i]) != 0) {
          runs.add(pages[i], pages[i] + 1, 0);
        }
      }
      runs.flush();
    } finally {
      lock.unlock();
    }
  }

  /** Takes it away from all pages, so that nothing is left to be taken while the machine stands still. */
  void withdrawAll() {
    lock.lock();
    try {
      grant(0, entries.pages(), 0);
    } finally {
      lock.unlock();
    }
  }

  private boolean late(long page, int due) {
    return due(page) == due && entries.granted(page) != due;
  }

  private void grant(long from, long to, int access) {
    space.protect(from * PAGE, (to - from) * PAGE, Permissions.of(access));
    entries.grant(from, to - from, access);
  }

  /** A leaf that took access away while it was being given may have found nothing to note. */
  private void recheck(long from, long to, int access) {
    entries.runs(
        from,
        to - from,
        (first, length, bits) -> {
          if ((access & ~EpcmEntry.access(bits)) != 0) {
            for (long page = first; page < first + length; page++) {
              shrunk(page);
            }
          }
        });
  }

  private int due(long page) {
    return EpcmEntry.access(entries.bits(page)) & host.bits(page);
  }

  /**
   * Makes a range follow, in runs of equal access.
   *
   * @param fresh whether it is known that nothing is accessible yet
   */
  void follow(long page, long count, boolean fresh) {
    lock.lock();
    try {
      Runs runs = new Runs(fresh);
      entries.runs(
          page,
          count,
          (first, length, bits) -> {
            int epcm = EpcmEntry.access(bits);
            long at = first;
            long end = first + length;
            while (at < end) {
              long next = Math.min(end, host.next(at));
              runs.add(at, next, epcm & host.bits(at));
              at = next;
            }
          });
      runs.flush();
    } finally {
      lock.unlock();
    }
  }

  /** Collects neighbours until the access changes, and tells the machine of all runs at once. */
  private final class Runs {
    private final boolean fresh;
    private final List<AddressSpace.Range> ranges = new ArrayList<>();
    private long from;
    private long to;
    private int access;

    Runs(boolean fresh) {
      this.fresh = fresh;
    }

    void add(long start, long end, int next) {
      if (start == to && next == access) {
        to = end;
        return;
      }
      finish();
      from = start;
      to = end;
      access = next;
    }

    private void finish() {
      if (to > from && !(fresh && access == 0)) {
        ranges.add(new AddressSpace.Range(from * PAGE, (to - from) * PAGE, Permissions.of(access)));
      }
      from = to;
    }

    void flush() {
      finish();
      if (ranges.isEmpty()) {
        return;
      }
      space.protect(ranges);
      for (AddressSpace.Range range : ranges) {
        entries.grant(range.offset() / PAGE, range.length() / PAGE, range.permissions().bits());
      }
      for (AddressSpace.Range range : ranges) {
        if (range.permissions().bits() != 0) {
          recheck(range.offset() / PAGE, (range.offset() + range.length()) / PAGE, range.permissions().bits());
        }
      }
    }
  }
}
