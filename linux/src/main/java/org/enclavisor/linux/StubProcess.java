package org.enclavisor.linux;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import org.enclavisor.monitor.spi.ProcessDiedException;
import org.jspecify.annotations.Nullable;

/**
 * An enclave process as the JVM sees it: its number, a descriptor for it, and whether and why it is gone. Thread-safe.
 * Its death is noticed by the {@link ProcessKeeper}, which tells the owner by a callback.
 */
final class StubProcess {
  /** What {@link StubProcessor#interrupt} sends. */
  static final int INTERRUPT = Kernel.SIGUSR2;

  /** The signals that the stub takes: what enclave code can raise, and {@link #INTERRUPT}. */
  static final int[] SIGNALS = {
    Kernel.SIGILL, Kernel.SIGTRAP, Kernel.SIGBUS, Kernel.SIGFPE, Kernel.SIGSEGV, Kernel.SIGSYS, INTERRUPT
  };

  private static final long POLL_NANOS = 10_000;

  private final ChildProcess child;
  private final CountDownLatch reaped = new CountDownLatch(1);
  private volatile @Nullable String verdict;
  private volatile @Nullable String death;
  private @Nullable Runnable onDeath;
  private Kernel.@Nullable Ending ending;

  StubProcess(ChildProcess child) {
    this.child = child;
  }

  /** Who is told of the end, on the keeper's thread, or at once if it has come already. */
  void onDeath(Runnable listener) {
    synchronized (this) {
      onDeath = listener;
      if (death == null) {
        return;
      }
    }
    listener.run();
  }

  int pid() {
    return child.pid();
  }

  int pidfd() {
    return child.pidfd();
  }

  /** Why it is gone, or null while it lives. */
  @Nullable String death() {
    return death;
  }

  /** Its exit status, or −1 while it lives or if a signal ended it. */
  synchronized int exitStatus() {
    return ending == null ? -1 : ending.status();
  }

  /** Ends it; the first reason given is the one that is told. */
  void kill(String reason) {
    if (death != null) {
      return;
    }
    synchronized (this) {
      if (verdict == null) {
        verdict = reason;
      }
      if (death == null) {
        Kernel.pidfdSendSignal(child.pidfd(), Kernel.SIGKILL);
      }
    }
  }

  /**
   * Stops every thread of it, wherever it runs, and returns when the kernel says that the last one stands.
   *
   * @throws ProcessDiedException if it is gone, or did not stop in that time and was ended for it
   */
  void stop(Duration patience) {
    long deadline = System.nanoTime() + patience.toNanos();
    signal(Kernel.SIGSTOP);
    while (!isStopped()) {
      if (System.nanoTime() - deadline > 0) {
        kill("the enclave process did not stop");
        awaitEnd();
        throw new ProcessDiedException("the enclave process was ended, for it did not stop");
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
  }

  /**
   * Ends {@link #stop}.
   *
   * @throws ProcessDiedException if it is gone, or has run meanwhile and was ended for it
   */
  void letRun() {
    if (!isStopped()) {
      kill("the enclave process ran while it was to stand still");
      awaitEnd();
      throw new ProcessDiedException("the enclave process was ended, for it ran while it was to stand still");
    }
    signal(Kernel.SIGCONT);
  }

  private synchronized boolean isStopped() {
    requireAlive();
    return Kernel.isStopped(child.pidfd());
  }

  private synchronized void signal(int signal) {
    requireAlive();
    Kernel.pidfdSendSignal(child.pidfd(), signal);
  }

  private void requireAlive() {
    if (death != null) {
      throw new ProcessDiedException(death);
    }
  }

  /** Waits until it is gone and nothing of it is left in the kernel's tables. */
  void awaitEnd() {
    Uninterrupted.await(reaped);
  }

  /** The keeper: its descriptor became readable. */
  void ended() {
    Kernel.Ending how = Kernel.reap(child.pidfd());
    Runnable listener;
    synchronized (this) {
      ending = how;
      death = verdict == null ? "the enclave process " + how : verdict;
      Kernel.close(child.pidfd());
      listener = onDeath;
    }
    if (listener != null) {
      listener.run();
    }
    reaped.countDown();
  }
}
