package org.enclavisor.linux;

import java.util.concurrent.CountDownLatch;
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
