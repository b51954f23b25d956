package org.enclavisor.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;
import org.enclavisor.monitor.spi.PlatformException;

/**
 * The one thread that starts enclave processes and sees them die. PR_SET_PDEATHSIG follows the thread that made a
 * child, and not its process: so every child is made by a thread that ends with the JVM or with the platform, after its
 * children. Its methods may be called by any thread.
 */
final class ProcessKeeper implements AutoCloseable {
  private static final int EFD_CLOEXEC_NONBLOCK = 0x80000 | 0x800;
  private static final short POLLIN = 1;
  private static final int POLLFD_BYTES = 8;

  // SAFETY: takes numbers.
  private final int wakeFd = (int) Kernel.check("eventfd2", Kernel.raw(Syscall.EVENTFD2, 0, EFD_CLOEXEC_NONBLOCK, 0));
  private final ConcurrentLinkedQueue<Runnable> tasks = new ConcurrentLinkedQueue<>();
  private final List<StubProcess> alive = new ArrayList<>();
  private final Thread thread;
  private boolean ending;
  private boolean closed;

  ProcessKeeper(String name) {
    thread = Thread.ofPlatform().daemon().name(name).start(this::run);
  }

  /** Makes a process on the keeper's thread, and keeps it. */
  StubProcess start(Supplier<StubProcess> birth) {
    CompletableFuture<StubProcess> born = new CompletableFuture<>();
    submit(
        () -> {
          try {
            StubProcess process = birth.get();
            alive.add(process);
            born.complete(process);
          } catch (PlatformException e) {
            born.completeExceptionally(e);
          }
        });
    return Uninterrupted.answer(born);
  }

  /** Ends the thread; every process must have ended before. Idempotent. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      tasks.add(() -> ending = true);
      wake();
    }
    Uninterrupted.join(thread);
    Kernel.close(wakeFd);
  }

  private synchronized void submit(Runnable task) {
    if (closed) {
      throw new PlatformException("the platform is closed");
    }
    tasks.add(task);
    wake();
  }

  private void wake() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment one = arena.allocate(8, 8);
      one.set(ValueLayout.JAVA_LONG, 0, 1);
      // SAFETY: reads eight bytes from live memory.
      Kernel.raw(Syscall.WRITE, wakeFd, one.address(), 8);
    }
  }

  private void run() {
    while (!ending) {
      try (Arena arena = Arena.ofConfined()) {
        await(arena.allocate((long) (alive.size() + 1) * POLLFD_BYTES, 8), arena.allocate(8, 8));
      }
    }
  }

  private void await(MemorySegment set, MemorySegment counter) {
    List<StubProcess> polled = List.copyOf(alive);
    entry(set, 0, wakeFd);
    for (int i = 0; i < polled.size(); i++) {
      entry(set, i + 1, polled.get(i).pidfd());
    }
    // SAFETY: an array of struct pollfd of exactly that many entries.
    Kernel.raw(Syscall.POLL, set.address(), polled.size() + 1, -1);
    for (int i = 0; i < polled.size(); i++) {
      if (set.get(ValueLayout.JAVA_SHORT, (i + 1L) * POLLFD_BYTES + 6) != 0) {
        alive.remove(polled.get(i));
        polled.get(i).ended();
      }
    }
    // SAFETY: writes eight bytes to memory of that size.
    Kernel.raw(Syscall.READ, wakeFd, counter.address(), 8);
    for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
      task.run();
    }
  }

  private static void entry(MemorySegment set, int index, int fd) {
    set.set(ValueLayout.JAVA_INT, (long) index * POLLFD_BYTES, fd);
    set.set(ValueLayout.JAVA_SHORT, (long) index * POLLFD_BYTES + 4, POLLIN);
  }
}
