package org.enclavisor.monitor.epc;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.PageRecords;
import org.enclavisor.isa.Secinfo;
import org.jspecify.annotations.Nullable;

/**
 * MRENCLAVE of an enclave under construction, computed beside the copying of its pages.
 *
 * <p>Hashing is what loading costs, so whatever else is to be done for it is done by the caller, and a thread of the
 * queue's own hashes the runs of pages in the order of their EADDs. Callers hold the enclave's lock.
 */
public final class MeasurementQueue implements AutoCloseable {
  /** Pages that are hashed by the caller before a thread is worth its start. */
  private static final long INLINE_PAGES = 32;

  /** Runs that may wait; a caller that is faster than the hash waits then. */
  private static final int CAPACITY = 8;

  /** Pages that are prepared in one piece: what the hash then reads is still in a cache. */
  private static final int PREPARED = 64;

  private static final int PAGE = 4096;

  /**
   * A run of pages.
   *
   * @param prepared what is to be hashed; null of pages that are zero or not measured
   */
  private record Run(long page, int count, Secinfo secinfo, boolean measured, @Nullable PageRecords prepared) {}

  private final Measurement measurement;
  private final String name;
  private final ArrayDeque<Run> waiting = new ArrayDeque<>();
  private final ArrayDeque<PageRecords> spare = new ArrayDeque<>();
  private @Nullable Thread worker;
  private @Nullable Throwable failure;
  private boolean working;
  private boolean closed;
  private long pages;

  /** With ECREATE measured. */
  public MeasurementQueue(String name, int ssaFrameSize, long size) {
    this.measurement = Measurement.ecreate(ssaFrameSize, size);
    this.name = name;
  }

  /** EADD of one page, now. */
  public void eadd(long offset, Secinfo secinfo) {
    drain();
    measurement.eadd(offset, secinfo);
  }

  /** EEXTEND of 256 bytes, now. */
  public void eextend(long offset, MemorySegment chunk) {
    drain();
    measurement.eextend(offset, chunk);
  }

  /** EADD of consecutive pages that are zero or not measured, at once or later; each with its 16 EEXTENDs if measured. */
  public void zeroes(long page, int count, Secinfo secinfo, boolean measured) {
    put(new Run(page, count, secinfo, measured, null));
  }

  /**
   * EADD and 16 EEXTENDs of each of consecutive pages, at once or later.
   *
   * @param content of at least so many pages; may be changed once this returns
   */
  public void pages(long page, int count, Secinfo secinfo, MemorySegment content) {
    for (int done = 0; done < count; done += PREPARED) {
      int batch = Math.min(PREPARED, count - done);
      PageRecords prepared = spare();
      for (int i = 0; i < batch; i++) {
        long at = (long) (done + i) * PAGE;
        prepared.set(i, page * PAGE + at, secinfo, content.asSlice(at, PAGE));
      }
      put(new Run(page + done, batch, secinfo, true, prepared));
    }
  }

  private PageRecords spare() {
    synchronized (waiting) {
      PageRecords used = spare.poll();
      return used != null ? used : new PageRecords(PREPARED);
    }
  }

  private void put(Run run) {
    pages += run.count;
    if (worker == null && pages <= INLINE_PAGES) {
      hash(run);
      return;
    }
    synchronized (waiting) {
      if (worker == null) {
        worker = Thread.ofPlatform().daemon().name(name).start(this::work);
      }
      while (waiting.size() >= CAPACITY && failure == null) {
        await();
      }
      throwFailure();
      waiting.add(run);
      waiting.notifyAll();
    }
  }

  private void work() {
    while (true) {
      Run run;
      synchronized (waiting) {
        working = false;
        waiting.notifyAll();
        while (waiting.isEmpty()) {
          if (closed) {
            return;
          }
          await();
        }
        run = waiting.remove();
        working = true;
        waiting.notifyAll();
      }
      try {
        hash(run);
      } catch (RuntimeException | Error e) {
        synchronized (waiting) {
          failure = e;
          waiting.clear();
          working = false;
          waiting.notifyAll();
        }
        return;
      }
    }
  }

  private void hash(Run run) {
    if (run.prepared != null) {
      measurement.pages(run.prepared, run.count);
      synchronized (waiting) {
        if (!closed) {
          spare.add(run.prepared);
        }
      }
      return;
    }
    for (int i = 0; i < run.count; i++) {
      long offset = (run.page + i) * PAGE;
      if (run.measured) {
        measurement.zeroPage(offset, run.secinfo);
      } else {
        measurement.eadd(offset, run.secinfo);
      }
    }
  }

  /** Waits until everything handed over is hashed. */
  public void drain() {
    synchronized (waiting) {
      while ((!waiting.isEmpty() || working) && failure == null) {
        await();
      }
      throwFailure();
    }
  }

  /** MRENCLAVE as it is now; more may follow. */
  public Digest32 mrEnclave() {
    drain();
    return measurement.mrEnclave();
  }

  /** Ends the queue's thread, after the run that it works on; what waits is dropped. Idempotent. */
  @Override
  public void close() {
    synchronized (waiting) {
      closed = true;
      waiting.clear();
      spare.clear();
      waiting.notifyAll();
      while (working && failure == null) {
        await();
      }
    }
  }

  // Interruption of a host's thread must not leave the measurement half done; the flag is kept for the host.
  private void await() {
    try {
      waiting.wait();
    } catch (InterruptedException e) {
      try {
        waiting.wait(1);
      } catch (InterruptedException again) {
        Thread.onSpinWait();
      }
      Thread.currentThread().interrupt();
    }
  }

  private void throwFailure() {
    if (failure != null) {
      throw new IllegalStateException("measuring failed: " + failure.getMessage(), failure);
    }
  }
}
