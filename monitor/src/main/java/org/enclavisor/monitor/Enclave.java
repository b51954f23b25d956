package org.enclavisor.monitor;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.enclavisor.isa.Digest32;
import org.enclavisor.monitor.epc.ProcessorSlot;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.paging.PagedEnclave;
import org.enclavisor.monitor.spi.AddressSpace;
import org.jspecify.annotations.Nullable;

/**
 * An enclave with the machine under it. Thread-safe: ENCLS leaves run under {@link #lock}; entering takes no lock
 * but the TCS's own word.
 */
final class Enclave {
  private static final long PATIENCE_NANOS = 2_000_000_000L;
  private static final long MAX_PAUSE_NANOS = 1_000_000L;

  /** Held by ENCLS leaves. */
  final ReentrantLock lock = new ReentrantLock();

  final HostMappings host = new HostMappings();
  final LifeCycle life = new LifeCycle();
  final PageCounts pageCounts = new PageCounts();
  private volatile EnclaveId id;
  private final SecsPage secs;
  private final AddressSpace space;
  private final PageTables tables;
  private final int maxThreads;
  private final List<ProcessorSlot> processors = new ArrayList<>();
  private volatile @Nullable String death;
  private volatile @Nullable PagedEnclave paged;

  /** Whether the machine has said that nothing of it runs: under {@link #lock}. */
  boolean standing;

  /** Digest of the last stream that was written of it and that changes may follow: under {@link #lock}. */
  @Nullable Digest32 written;

  Enclave(EnclaveId id, SecsPage secs, AddressSpace space, int maxThreads) {
    this.id = id;
    this.secs = secs;
    this.space = space;
    this.tables = new PageTables(secs, host, space);
    this.maxThreads = maxThreads;
  }

  /** Which one, and in which generation. */
  EnclaveId id() {
    return id;
  }

  /** Gives it another generation. */
  void id(EnclaveId next) {
    id = next;
  }

  /** How many threads may be inside at once. */
  int maxThreads() {
    return maxThreads;
  }

  SecsPage secs() {
    return secs;
  }

  PageTables tables() {
    return tables;
  }

  AddressSpace space() {
    return space;
  }

  /** What the pager knows it as; null if there is no pager, or it does not care for this enclave. */
  @Nullable PagedEnclave paged() {
    return paged;
  }

  void paged(PagedEnclave care) {
    paged = care;
    tables.single();
  }

  /** Why its process died; null if it did not. */
  @Nullable String death() {
    return death;
  }

  /** Remembers that the process died. Returns whether nobody had noticed before. */
  synchronized boolean died(String reason) {
    boolean first = death == null;
    if (first) {
      death = reason;
    }
    secs.exclusive(true);
    return first;
  }

  /**
   * A logical processor for a thread that has none: a new one, or that of a thread that is outside. The caller owns the
   * TCS. Threads keep theirs, so that caches and mailboxes stay warm.
   *
   * @return null if as many as were asked for are all inside
   * @throws org.enclavisor.monitor.spi.PlatformException if the machine refuses
   */
  @Nullable ProcessorSlot bind(TcsPage tcs) {
    synchronized (processors) {
      if (processors.size() < maxThreads) {
        ProcessorSlot slot = new ProcessorSlot(space.processor());
        processors.add(slot);
        return give(slot, tcs);
      }
      for (ProcessorSlot slot : processors) {
        if (slot.thread instanceof TcsPage gone && secs.threads().get(gone.page) != gone) {
          // That TCS was removed or evicted, which nobody can be inside on; it is not in the table to be asked.
          gone.processor = null;
          return give(slot, tcs);
        }
      }
      for (TcsPage other : secs.threads().all()) {
        if (other != tcs && other.borrow()) {
          ProcessorSlot slot = other.processor;
          other.processor = null;
          other.unlock();
          if (slot != null) {
            return give(slot, tcs);
          }
        }
      }
      return null;
    }
  }

  private static ProcessorSlot give(ProcessorSlot slot, TcsPage tcs) {
    slot.thread = tcs;
    tcs.processor = slot;
    return slot;
  }

  /** Interrupts the thread inside on a TCS, if there is one, until it has left. */
  void interrupt(TcsPage tcs) {
    long stay = tcs.departures;
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    long pause = 10_000;
    // The machine forgets an interrupt that comes while the thread is on its way in or in a leaf. The first is met by
    // repeating it, the second by telling the leaf, lest a thread stay that runs one leaf after another.
    while (tcs.state() == TcsPage.ACTIVE && tcs.departures == stay && System.nanoTime() - deadline < 0) {
      tcs.interruptStay(stay);
      ProcessorSlot slot = tcs.processor;
      if (slot != null) {
        slot.processor.interrupt();
      }
      LockSupport.parkNanos(pause);
      pause = Math.min(2 * pause, MAX_PAUSE_NANOS);
    }
  }

  /**
   * Gets everybody out, when nobody can come in any more. Who does not come out by an interrupt comes out by the end of
   * the process.
   */
  void evacuate() {
    if (!expel(PATIENCE_NANOS)) {
      space.close();
      expel(Long.MAX_VALUE);
    }
  }

  /** Interrupts everybody until all are out, when nobody can come in any more. False if they are not, in time. */
  boolean expel(long patience) {
    secs.exclusive(true);
    long start = System.nanoTime();
    long pause = 10_000;
    while (secs.active()) {
      for (TcsPage tcs : secs.threads().all()) {
        ProcessorSlot slot = tcs.processor;
        if (slot != null && tcs.state() == TcsPage.ACTIVE) {
          tcs.interruptStay(tcs.departures);
          slot.processor.interrupt();
        }
      }
      if (System.nanoTime() - start > patience) {
        return false;
      }
      LockSupport.parkNanos(pause);
      pause = Math.min(2 * pause, MAX_PAUSE_NANOS);
    }
    return true;
  }

  /** Gives the machine back. When everybody is out. */
  void release() {
    secs.measurement().close();
    synchronized (processors) {
      for (ProcessorSlot slot : processors) {
        slot.processor.close();
      }
      processors.clear();
    }
    space.close();
  }
}
