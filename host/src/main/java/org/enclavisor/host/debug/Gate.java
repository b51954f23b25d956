package org.enclavisor.host.debug;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.enclavisor.host.debug.DebugThread.State;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.EnterCall;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.SgxDevice;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * Where a host's threads go in and out of an enclave under a debugger, and where they wait while it wants them to. A
 * thread that has stopped waits before the ERESUME that will let it go on, one that comes from outside before its
 * EENTER.
 *
 * <p>The host's threads come by in {@link #enter}; everything else is the debugger's. Thread-safe: its lock guards
 * everything of the target.
 */
final class Gate {
  /** RDI of an entry that comes back from an OCALL, in the SDK's convention. */
  private static final int RETURN_FROM_OCALL = -2;

  /** RDI of an exit that ends an entry, in the SDK's convention. */
  private static final int END_OF_CALL = -1;

  private static final long TF = 1L << 8;
  private static final long SETTLE_NANOS = 10_000_000_000L;
  private static final long PAUSE_NANOS = 200_000;

  /** What {@link #admit} says. */
  private enum Admission {
    ENTER,
    /** The exception that made it stop is the host's to deal with. */
    DELIVER,
    ENDED
  }

  private final SgxDevice device;
  private final EnclaveId id;
  private final EnclaveMemoryAccess memory;
  private final Watchpoints watchpoints;
  private final SsaFrames frames;
  private final StopCauses causes;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ThreadTable threads = new ThreadTable();

  private @Nullable Consumer<DebugEvent> debugger;
  private boolean holding;
  private boolean running = true;
  private boolean stopAtNextEntry;
  private boolean ended;

  Gate(SgxDevice device, EnclaveId id, EnclaveMemoryAccess memory, Watchpoints watchpoints, SsaFrames frames) {
    this.device = device;
    this.id = id;
    this.memory = memory;
    this.watchpoints = watchpoints;
    this.frames = frames;
    causes = new StopCauses(memory, watchpoints, frames);
  }

  /** The enclave's threads: only in {@link #locked}. */
  ThreadTable threads() {
    return threads;
  }

  /** Does something while no thread goes in or out. */
  <T> T locked(Supplier<T> action) {
    lock.lock();
    try {
      return action.get();
    } finally {
      lock.unlock();
    }
  }

  private void locked(Runnable action) {
    lock.lock();
    try {
      action.run();
    } finally {
      lock.unlock();
    }
  }

  /** From now on nobody goes in until a debugger has come. */
  void holdUntilAttached() {
    locked(() -> holding = debugger == null);
  }

  /** Lets everybody go who waits for a debugger. */
  void stopHolding() {
    locked(
        () -> {
          holding = false;
          changed.signalAll();
        });
  }

  /** An entry by the host, and all entries that follow from what a debugger wants meanwhile. */
  EnterOutcome enter(EnterCall call, Registers r) {
    boolean begins = call.leaf() == EncluLeaf.EENTER && (int) r.rdi != RETURN_FROM_OCALL;
    DebugThread thread = locked(() -> threads.at(call.tcs()));
    locked(() -> thread.depth += begins ? 1 : 0);
    long hostTf = r.rflags & TF;
    EnterOutcome outcome = enter(thread, call, r);
    r.rflags = r.rflags & ~TF | hostTf;
    if (begins && outcome instanceof EnterOutcome.Refused) {
      locked(() -> thread.depth--);
    }
    return outcome;
  }

  private EnterOutcome enter(DebugThread thread, EnterCall call, Registers r) {
    EnterCall next = call;
    EnterOutcome last = EnterOutcome.Interrupted.INSTANCE;
    while (true) {
      switch (admit(thread, r)) {
        case ENDED -> {
          return new EnterOutcome.Dead("ended by the debugger");
        }
        case DELIVER -> {
          return last;
        }
        case ENTER -> {
          last = entered(thread, next, r);
          if (isForHost(thread, last, r)) {
            return last;
          }
          next = EnterCall.eresume(call.tcs(), call.aep());
        }
      }
    }
  }

  private EnterOutcome entered(DebugThread thread, EnterCall call, Registers r) {
    boolean done = false;
    try {
      EnterOutcome outcome = device.enter(id, call, r);
      done = true;
      return outcome;
    } finally {
      if (!done) {
        locked(() -> thread.state = State.OUTSIDE); // the machine failed: nobody is inside to be waited for
      }
    }
  }

  private Admission admit(DebugThread thread, Registers r) {
    boolean attached;
    lock.lock();
    try {
      thread.host.set(r);
      thread.state = State.AT_THE_GATE;
      changed.signalAll();
      while (!ended && !mayGo(thread)) {
        changed.awaitUninterruptibly();
      }
      Stop stop = thread.stop;
      thread.stop = null;
      if (ended) {
        thread.state = State.OUTSIDE;
        return Admission.ENDED;
      }
      attached = debugger != null;
      if (stop != null && (attached ? stop.delivered(thread.action.signal()) : stop.ofTheEnclave())) {
        thread.state = State.OUTSIDE;
        return Admission.DELIVER;
      }
      if (attached && stopAtNextEntry) {
        stopAtNextEntry = false;
        threads.follow(new ResumePlan(Map.of(thread.id, ResumePlan.Action.STEP), ResumePlan.Action.HOLD));
      }
      thread.state = State.INSIDE;
      thread.stepping =
          attached && (thread.action.way() == ResumePlan.Way.STEP || !watchpoints.isEmpty());
      r.rflags = r.rflags & ~TF | (thread.stepping ? TF : 0);
    } finally {
      lock.unlock();
    }
    if (thread.optedIn != attached && locked(() -> frames.optIn(thread.tcs, attached))) {
      thread.optedIn = attached;
    }
    return Admission.ENTER;
  }

  private boolean mayGo(DebugThread thread) {
    if (debugger == null) {
      return !holding;
    }
    return running && thread.action.way() != ResumePlan.Way.HOLD;
  }

  /** After an exit: whether the host is to hear of it now. If not, the thread waits at the gate. */
  private boolean isForHost(DebugThread thread, EnterOutcome outcome, Registers r) {
    lock.lock();
    try {
      thread.host.set(r);
      boolean wanted = thread.wantedOut;
      thread.wantedOut = false;
      boolean forHost =
          switch (outcome) {
            case EnterOutcome.Exited _ -> {
              thread.depth = Math.max(0, (int) r.rdi == END_OF_CALL ? thread.depth - 1 : thread.depth);
              yield true;
            }
            case EnterOutcome.Refused _ -> true;
            case EnterOutcome.Dead _ -> {
              thread.depth = 0;
              tell(new DebugEvent.Lost());
              yield true;
            }
            case EnterOutcome.Interrupted _ -> !wanted;
            case EnterOutcome.Faulted(Vector vector, int _, long _) -> !stops(thread, vector);
          };
      thread.state = forHost ? State.OUTSIDE : State.AT_THE_GATE;
      changed.signalAll();
      return forHost;
    } finally {
      lock.unlock();
    }
  }

  /** Whether a thread stops because of an exception, or goes on as if it had not been; if not, the host is told. */
  private boolean stops(DebugThread thread, Vector vector) {
    boolean attached = debugger != null;
    boolean stale = causes.isStale(thread, vector, attached);
    if (stale || !attached) {
      return stale;
    }
    causes.of(thread, vector).ifPresent(stop -> stop(thread, stop));
    return true;
  }

  private void stop(DebugThread thread, Stop stop) {
    thread.stop = stop;
    thread.told = running;
    if (running) {
      running = false;
      tell(new DebugEvent.Stopped(thread.id, stop));
    }
  }

  private void tell(DebugEvent event) {
    if (debugger != null) {
      debugger.accept(event);
    }
  }

  /** The program has come to its end. */
  void finished(int status) {
    locked(() -> tell(new DebugEvent.Finished(status)));
  }

  /** See {@link DebugTarget#attach}. */
  void attach(Consumer<DebugEvent> listener) {
    locked(
        () -> {
          debugger = listener;
          holding = false;
          threads.follow(new ResumePlan(Map.of(), ResumePlan.Action.CONTINUE));
          if (ended) {
            tell(new DebugEvent.Lost());
          } else if (threads.first(thread -> thread.state == State.INSIDE).isPresent()) {
            stopAll(Stop.TRAP);
          } else {
            // Who enters next makes one step, so that it stops inside, with registers to be seen.
            stopAtNextEntry = true;
          }
          changed.signalAll();
        });
  }

  /** See {@link DebugTarget#halt}. */
  void halt() {
    locked(() -> stopAll(Stop.INT));
  }

  private void stopAll(int signal) {
    if (!running || debugger == null) {
      return;
    }
    running = false;
    stopAtNextEntry = false;
    int shown =
        threads
            .first(thread -> thread.state == State.INSIDE)
            .or(() -> threads.shown().stream().findFirst())
            .map(thread -> thread.id)
            .orElse(1);
    tell(new DebugEvent.Stopped(shown, new Stop(Stop.Kind.HALT, signal)));
  }

  /** See {@link DebugTarget#settle}. */
  void settle() {
    long deadline = System.nanoTime() + SETTLE_NANOS;
    while (System.nanoTime() - deadline < 0) {
      List<DebugThread> inside =
          locked(
              () -> {
                List<DebugThread> found = threads.all(thread -> thread.state == State.INSIDE);
                found.forEach(thread -> thread.wantedOut = true);
                return found;
              });
      if (inside.isEmpty()) {
        return;
      }
      // Who is on its way in or out is not seen by the monitor; it is asked again.
      inside.forEach(thread -> device.interrupt(id, thread.tcs));
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }

  /** See {@link DebugTarget#resume}. */
  void resume(ResumePlan next) {
    locked(
        () -> {
          threads.follow(next);
          Optional<DebugThread> news = threads.first(this::hasNews);
          if (news.isPresent() && news.get().stop instanceof Stop stop) {
            news.get().told = true;
            tell(new DebugEvent.Stopped(news.get().id, stop));
          } else {
            running = true;
            changed.signalAll();
          }
        });
  }

  /** Whether something happened to a thread that is to go on, and the debugger was not told yet. */
  private boolean hasNews(DebugThread thread) {
    Stop stop = thread.stop;
    if (stop == null || thread.told || thread.action.way() == ResumePlan.Way.HOLD) {
      return false;
    }
    if (!causes.holds(thread, stop)) {
      thread.stop = null;
      return false;
    }
    return true;
  }

  /** See {@link DebugTarget#detach}. */
  void detach() {
    locked(
        () -> {
          memory.removeBreakpoints();
          watchpoints.clear();
          debugger = null;
          running = true;
          stopAtNextEntry = false;
          changed.signalAll();
        });
  }

  /** See {@link DebugTarget#kill}. */
  void kill() {
    locked(() -> debugger = null);
    end();
    settle();
  }

  /** Nobody goes in any more, and who waits gives up. A debugger hears of the program's end all the same. */
  void end() {
    locked(
        () -> {
          ended = true;
          changed.signalAll();
        });
  }
}
