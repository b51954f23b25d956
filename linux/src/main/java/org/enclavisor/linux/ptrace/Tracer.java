package org.enclavisor.linux.ptrace;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Function;
import org.enclavisor.linux.Uninterrupted;
import org.enclavisor.linux.WriteWatch;
import org.enclavisor.linux.ptrace.EnclaveThread.Entry;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.ProcessDiedException;
import org.jspecify.annotations.Nullable;

/**
 * The OS thread that traces one enclave process from its start to its end; when this thread ends, so does the process.
 * Everybody else gives it tasks. While enclave code runs it waits in wait4(2), and who brings a task rings the bell.
 *
 * <p>Public methods may be called by any thread; everything that is not volatile, final or guarded is confined to the
 * tracer's own.
 */
final class Tracer {
  private record Running(EnclaveThread thread, Entry entry, CompletableFuture<Exit> reply) {}

  private final BlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();
  private final Map<Integer, Running> running = new HashMap<>();
  private final Ptrace ptrace;
  private final Thread thread;
  private final CompletableFuture<EnclaveProcess> started = new CompletableFuture<>();
  private boolean closed;
  private boolean quiet;

  /** Guards the two below. */
  private final Object bell = new Object();

  /** Whether the tracer is, or is about to be, in wait4, and the process has not been reaped. */
  private boolean waiting;

  /** Whether no task will be run any more. */
  private boolean over;

  private volatile @Nullable String death;

  private Tracer(Placement placement, AddressSpaceLayout layout, EnclaveProcess.Memories memories) {
    ptrace = new Ptrace(memories.arena());
    thread = Thread.ofPlatform().daemon().name("enclave-tracer").unstarted(() -> run(placement, layout, memories));
  }

  /**
   * Starts a process.
   *
   * @throws PlatformException if the machine refuses
   */
  static Tracer start(Placement placement, AddressSpaceLayout layout, EnclaveProcess.Memories memories) {
    var tracer = new Tracer(placement, layout, memories);
    tracer.thread.start();
    Uninterrupted.answer(tracer.started);
    return tracer;
  }

  /** The number of the process. */
  int pid() {
    return Uninterrupted.answer(started).pid();
  }

  /** What watches the process's mapping of the ELRANGE, if the kernel can; the caller closes it. */
  Optional<WriteWatch> watch() {
    return Uninterrupted.answer(started).watch();
  }

  // ---- what others ask for

  /** Runs enclave code. Only one entry at a time for each thread. */
  Exit enter(EnclaveThread enclaveThread, Entry entry) {
    var reply = new CompletableFuture<Exit>();
    if (!submit(() -> begin(new Running(enclaveThread, entry, reply)))) {
      return new Exit.Death(String.valueOf(death));
    }
    return reply.join();
  }

  /** Interrupts an entry, if it is that one that is under way when the tracer comes to it. */
  void interrupt(EnclaveThread enclaveThread, long entryNumber) {
    submit(() -> {
      var current = running.get(enclaveThread.tid());
      if (current != null && current.entry.number() == entryNumber) {
        orDie(enclaveThread::askInterrupt);
      }
    });
  }

  /**
   * Does something with the process.
   *
   * @throws PlatformException if it is gone or the machine refuses
   */
  <T> T call(Function<EnclaveProcess, T> work) {
    var reply = new CompletableFuture<T>();
    if (!submit(() -> perform(work, reply))) {
      throw gone();
    }
    return Uninterrupted.answer(reply);
  }

  /** Interrupts every entry, and returns when the last is out; until {@link #resume} each new one is an interrupt. */
  void quiesce() {
    call(process -> {
      quiet = true;
      running.values().forEach(entry -> entry.thread.askInterrupt());
      return running.values().stream().map(Running::reply).toList();
    }).forEach(CompletableFuture::join);
    call(process -> {
      process.requireAlive();
      return true;
    });
  }

  /** Ends {@link #quiesce}. */
  void resume() {
    call(process -> {
      process.requireAlive();
      quiet = false;
      return true;
    });
  }

  /** Kills the process and waits until nothing of it is left. Idempotent. */
  void close() {
    submit(() -> {
      closed = true;
      if (death == null) {
        die(Optional.of("the address space was closed"));
      }
    });
    Uninterrupted.join(thread);
  }

  /** Why the process is gone, if it is known to be. */
  Optional<String> death() {
    return Optional.ofNullable(death);
  }

  private PlatformException gone() {
    return new ProcessDiedException("the enclave process is gone: " + death);
  }

  private boolean submit(Runnable task) {
    synchronized (bell) {
      if (over) {
        return false;
      }
      tasks.add(task);
      if (waiting) {
        EnclaveProcess.ring(started.join().pid());
      }
      return true;
    }
  }

  // ---- the tracer's own

  private void run(Placement placement, AddressSpaceLayout layout, EnclaveProcess.Memories memories) {
    PlatformException failure = new PlatformException("the tracer of the enclave process failed");
    boolean done = false;
    try {
      started.complete(EnclaveProcess.start(ptrace, placement, layout, memories));
      while (!closed) {
        turn();
      }
      done = true;
    } catch (PlatformException e) {
      failure = e;
    } catch (Ptrace.Gone e) {
      failure = new PlatformException("the enclave process died while it was made: " + e.getMessage());
    } catch (InterruptedException e) {
      failure = new PlatformException("the tracer of the enclave process was interrupted", e);
    } finally {
      end(done, failure);
    }
  }

  /** One task or one event. */
  private void turn() throws InterruptedException {
    Runnable task = running.isEmpty() ? tasks.take() : tasks.poll();
    if (task != null) {
      task.run();
    } else {
      orDie(this::event);
    }
  }

  private void event() {
    started.join().armBell();
    synchronized (bell) {
      waiting = tasks.isEmpty();
      if (!waiting) {
        return;
      }
    }
    Optional<Ptrace.Event> event;
    try {
      event = ptrace.awaitAny();
    } finally {
      synchronized (bell) {
        waiting = false;
      }
    }
    handle(event.orElseThrow(() -> new Ptrace.Gone("nothing is left to wait for")));
  }

  private void handle(Ptrace.Event event) {
    if (!event.stopped()) {
      die(Optional.of(event.end()));
    } else if (event.tid() == started.join().pid()) {
      started.join().bellRang();
    } else {
      var current = running.get(event.tid());
      if (current != null) {
        current.thread.stopped(event, current.entry).ifPresent(exit -> {
          running.remove(event.tid());
          current.reply.complete(exit);
        });
      }
    }
  }

  private void begin(Running entry) {
    if (death != null) {
      entry.reply.complete(new Exit.Death(death));
      return;
    }
    if (quiet) {
      entry.reply.complete(entry.thread.standStill(entry.entry));
      return;
    }
    running.put(entry.thread.tid(), entry);
    orDie(() -> entry.thread.enter(entry.entry).ifPresent(exit -> {
      running.remove(entry.thread.tid());
      entry.reply.complete(exit);
    }));
  }

  private <T> void perform(Function<EnclaveProcess, T> work, CompletableFuture<T> reply) {
    try {
      orDie(() -> {
        if (death == null) {
          reply.complete(work.apply(started.join()));
        }
      });
    } catch (PlatformException e) {
      reply.completeExceptionally(e);
    } finally {
      // Only if the process was gone, or is now: whoever asked is not left waiting.
      reply.completeExceptionally(gone());
    }
  }

  /** Does something that may find the process gone; then it is, in everybody's eyes. */
  private void orDie(Runnable work) {
    try {
      work.run();
    } catch (Ptrace.Gone e) {
      die(Optional.empty());
    }
  }

  /** Ends the process, and every entry under way; the reason is that of the first thread that is found ended. */
  private void die(Optional<String> reason) {
    var process = started.join();
    process.kill();
    Optional<String> end = process.reap();
    death = reason.or(() -> end).orElse("nobody knows why");
    for (Running entry : running.values()) {
      entry.reply.complete(new Exit.Death(death));
    }
    running.clear();
  }

  /**
   * Whatever happens: no process stays, and nobody waits for an answer in vain. Who is told of a failed start will free
   * the memory that this thread uses, so that is the last thing.
   */
  private void end(boolean orderly, PlatformException failure) {
    if (!started.isDone()) {
      Optional<Ptrace.Event> event = ptrace.awaitAny();
      while (event.isPresent()) { // what was started has been killed; it only has to be taken notice of
        event = ptrace.awaitAny();
      }
    } else if (!orderly && death == null) {
      die(Optional.of("its tracer failed"));
    }
    synchronized (bell) {
      over = true;
    }
    tasks.forEach(Runnable::run);
    started.completeExceptionally(failure);
  }
}
