package org.enclavisor.linux.ptrace;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;
import org.enclavisor.isa.Permissions;
import org.enclavisor.linux.Kernel;
import org.enclavisor.linux.LinuxMachine;
import org.enclavisor.linux.WrittenPages;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.PlatformException;

/** An enclave process under its tracer, and the memory shared with it. Thread-safe; its lock guards what is mutable. */
final class PtraceAddressSpace implements AddressSpace {
  private final AddressSpaceLayout layout;
  private final Placement placement;
  private final Consumer<PtraceAddressSpace> onClose;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment enclave;
  private final MemorySegment untrusted;
  private final int enclaveFile;
  private final Tracer tracer;
  /** Threads whose processors were closed. */
  private final Deque<EnclaveThread> idle = new ArrayDeque<>();

  private final WrittenPages written;
  private int threads;
  private boolean quiet;
  private boolean closed;

  PtraceAddressSpace(AddressSpaceLayout layout, Consumer<PtraceAddressSpace> onClose) {
    this.layout = layout;
    this.onClose = onClose;
    long framesSize = (long) layout.processors() * EnclaveProcess.frameBytes();
    placement = Placement.of(layout, framesSize);
    boolean done = false;
    var files = new ArrayDeque<Integer>();
    try {
      enclaveFile = file(files, "enclavisor-elrange", layout.enclaveSize());
      enclave = Kernel.mapShared(enclaveFile, layout.enclaveSize(), arena);
      // Without untrusted memory there is still a descriptor, so that all keep their numbers.
      int untrustedFile = file(files, "enclavisor-untrusted", Math.max(layout.untrustedSize(), Kernel.PAGE));
      untrusted = layout.untrustedSize() == 0
          ? arena.allocate(0)
          : Kernel.mapShared(untrustedFile, layout.untrustedSize(), arena);
      int framesFile = file(files, "enclavisor-frames", framesSize);
      var frames = Kernel.mapShared(framesFile, framesSize, arena);
      var memories = new EnclaveProcess.Memories(arena, enclaveFile, untrustedFile, framesFile, enclave, frames);
      tracer = Tracer.start(placement, layout, memories);
      written = new WrittenPages(enclaveFile, tracer.watch(), enclave);
      done = true;
    } finally {
      // The files of the mappings are not needed any more, but for the one that tells how much it costs.
      int keep = done ? 1 : 0;
      while (files.size() > keep) {
        Kernel.close(files.removeLast());
      }
      if (!done) {
        arena.close();
      }
    }
  }

  private static int file(Deque<Integer> files, String name, long size) {
    int file = Kernel.memfd(name, size);
    files.add(file);
    return file;
  }

  /** The process, for tests that kill it. */
  int pid() {
    return tracer.pid();
  }

  @Override
  public long enclaveBase() {
    return placement.enclave();
  }

  @Override
  public MemorySegment enclave() {
    return enclave;
  }

  @Override
  public long untrustedBase() {
    return placement.untrusted();
  }

  @Override
  public MemorySegment untrusted() {
    return untrusted;
  }

  @Override
  public synchronized void protect(List<Range> ranges) {
    ranges.forEach(range -> range.within(layout.enclaveSize()));
    requireRunning();
    tracer.call(process -> {
      for (Range range : ranges) {
        // The bits of a SECINFO are those of mmap(2): read 1, write 2, execute 4.
        process.protect(range.offset(), range.length(), range.permissions().bits());
      }
      return true;
    });
  }

  @Override
  public synchronized void discard(long offset, long length) {
    new Range(offset, length, Permissions.NONE).within(layout.enclaveSize());
    requireOpen();
    written.note(offset, length);
    Kernel.punchHole(enclaveFile, offset, length);
  }

  @Override
  public synchronized BitSet mark() {
    requireOpen();
    return written.mark();
  }

  @Override
  public synchronized BitSet written() {
    requireOpen();
    return written.since();
  }

  @Override
  public synchronized BitSet touched() {
    requireOpen();
    return Kernel.dataPages(enclaveFile, layout.enclaveSize());
  }

  /** Threads of the process run in an entry only; after the last one, every one of them stands in a ptrace stop. */
  @Override
  public synchronized void quiesce() {
    requireRunning();
    tracer.quiesce();
    quiet = true;
  }

  @Override
  public synchronized void resume() {
    if (!quiet) {
      throw new IllegalStateException("the address space is not stopped");
    }
    tracer.resume();
    quiet = false;
  }

  private void requireRunning() {
    if (quiet) {
      throw new IllegalStateException("the address space is stopped");
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the address space is closed");
    }
  }

  @Override
  public synchronized LogicalProcessor processor() {
    if (closed) {
      throw new PlatformException("the address space is closed");
    }
    requireRunning();
    EnclaveThread thread;
    if (!idle.isEmpty()) {
      thread = idle.removeLast();
      tracer.call(process -> {
        thread.reset();
        return true;
      });
    } else if (threads < layout.processors()) {
      int index = threads;
      thread = tracer.call(process -> process.addThread(index));
      threads++;
    } else {
      throw new PlatformException("all " + layout.processors() + " processors of the address space are in use");
    }
    return new PtraceProcessor(tracer, thread, arena.allocate(LinuxMachine.INSTANCE.xsaveBytes(), 64), this::release);
  }

  private synchronized void release(EnclaveThread thread) {
    idle.addLast(thread);
  }

  @Override
  public synchronized void fill(long offset, MemorySegment pages) {
    MemorySegment place = enclave().asSlice(offset, pages.byteSize());
    written.note(offset, pages.byteSize());
    if (closed || !pages.isNative() || !Kernel.write(enclaveFile, offset, pages)) {
      place.copyFrom(pages); // slower, and says what is wrong where something is
    }
  }

  @Override
  public synchronized long residentBytes() {
    requireOpen();
    return Kernel.residentBytes(enclaveFile);
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    tracer.close();
    written.close();
    arena.close();
    Kernel.close(enclaveFile);
    onClose.accept(this);
  }
}
