package org.enclavisor.linux.ptrace;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.Registers;

/** A logical processor: one thread of the enclave process. Threads as the interface says. */
final class PtraceProcessor implements LogicalProcessor {
  private static final long IDLE = 0;
  private static final long CLOSED = -1;

  private final Tracer tracer;
  private final EnclaveThread thread;
  private final MemorySegment area;
  private final Consumer<EnclaveThread> onClose;
  /** The number of the entry under way, or one of the two above. */
  private final AtomicLong entry = new AtomicLong(IDLE);
  /** The last entry that an interrupt was asked for: once is enough. */
  private final AtomicLong interrupted = new AtomicLong();
  private long entries;

  PtraceProcessor(Tracer tracer, EnclaveThread thread, MemorySegment area, Consumer<EnclaveThread> onClose) {
    this.tracer = tracer;
    this.thread = thread;
    this.area = area;
    this.onClose = onClose;
  }

  @Override
  public Exit enter(Registers registers, Extended extended) {
    if (!entry.compareAndSet(IDLE, Long.MAX_VALUE)) {
      throw new IllegalStateException(entry.get() == CLOSED ? "the processor is closed" : "the processor is in use");
    }
    try {
      entries++;
      entry.set(entries);
      return tracer.enter(thread, new EnclaveThread.Entry(entries, registers, extended, area));
    } finally {
      entry.set(IDLE);
    }
  }

  @Override
  public MemorySegment extendedState() {
    return area;
  }

  @Override
  public void interrupt() {
    long current = entry.get();
    if (current > IDLE && interrupted.getAndSet(current) != current) {
      tracer.interrupt(thread, current);
    }
  }

  @Override
  public void close() {
    if (entry.compareAndSet(IDLE, CLOSED)) {
      onClose.accept(thread);
    } else if (entry.get() != CLOSED) {
      throw new IllegalStateException("the processor is in use");
    }
  }
}
