package org.enclavisor.monitor.epc;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.BitSet;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.Secinfo;
import org.jspecify.annotations.Nullable;

/**
 * MRENCLAVE of an enclave under construction, computed beside the copying of its pages.
 *
 * <p>Hashing is what loading costs, so runs of pages are handed to a thread of the queue's own, which hashes them in
 * the order of their EADDs, out of the enclave's memory: what is measured is what is there. Before EINIT nothing but
 * EADD and EREMOVE changes that memory, and EREMOVE drains the queue first. Callers hold the enclave's lock.
 */
public final class MeasurementQueue implements AutoCloseable {
  /** Pages that are hashed by the caller before a thread is worth its start. */
  private static final long INLINE_PAGES = 32;

  /** Runs that may wait; a caller that is faster than the hash waits then. */
  private static final int CAPACITY = 64;

  private static final int PAGE = 4096;
  private static final MemorySegment ZERO = MemorySegment.ofArray(new byte[PAGE]).asReadOnly();

  /**
   * A run of pages alike but for their content.
   *
   * @param touched which of them have content in the enclave's memory, by index; the others are zero
   * @param content the one page's bytes where they are not in the enclave's memory: a TCS
   */
  private record Run(
      long page, int count, Secinfo secinfo, boolean measured, BitSet touched, byte @Nullable [] content) {}

  private final Measurement measurement;
  private final String name;
  private final ArrayDeque<Run> waiting = new ArrayDeque<>();
  private @Nullable EnclaveMemory memory;
  private @Nullable Thread worker;
  private @Nullable RuntimeException failure;
  private boolean working;
  private boolean closed;
  private long pages;

  /** With ECREATE measured. */
  public MeasurementQueue(String name, int ssaFrameSize, long size) {
    this.measurement = Measurement.ecreate(ssaFrameSize, size);
    this.name = name;
  }

  /** Says where pages are. Before anything is added. */
  public void attach(EnclaveMemory enclave) {
    memory = enclave;
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

  /**
   * EADD of consecutive pages, each followed by its 16 EEXTENDs if measured; at once or later, in order.
   *
   * @param touched which have content in the enclave's memory; not changed afterwards
   */
  public void pages(long page, int count, Secinfo secinfo, boolean measured, BitSet touched) {
    put(new Run(page, count, secinfo, measured, touched, null));
  }

  /** The same for one page whose bytes are not in the enclave's memory; they are not changed afterwards. */
  public void page(long page, Secinfo secinfo, boolean measured, byte[] content) {
    put(new Run(page, 1, secinfo, measured, new BitSet(), content));
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
      } catch (RuntimeException e) {
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
    EnclaveMemory enclave = memory;
    for (int i = 0; i < run.count; i++) {
      long offset = (run.page + i) * PAGE;
      if (!run.measured) {
        measurement.eadd(offset, run.secinfo);
      } else if (run.content != null) {
        measurement.page(offset, run.secinfo, MemorySegment.ofArray(run.content));
      } else if (run.touched.get(i) && enclave != null) {
        measurement.page(offset, run.secinfo, enclave.segment().asSlice(offset, PAGE));
      } else {
        measurement.page(offset, run.secinfo, ZERO);
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
