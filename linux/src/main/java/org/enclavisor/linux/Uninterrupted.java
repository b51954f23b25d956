package org.enclavisor.linux;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.ProcessDiedException;

/**
 * Waits that cannot take long and must not be cut short: something was told to end, or is being made. A caller that is
 * interrupted meanwhile finds its mark set when it comes back. Stateless.
 */
public final class Uninterrupted {
  private Uninterrupted() {}

  /** One of the waits of java.util.concurrent. */
  @FunctionalInterface
  private interface Wait {
    void await() throws InterruptedException;
  }

  /** Waits until a thread has ended. */
  public static void join(Thread thread) {
    await(thread::join);
  }

  /** Waits until a latch is open. */
  static void await(CountDownLatch latch) {
    await(latch::await);
  }

  /**
   * Waits for an answer of another thread.
   *
   * @throws PlatformException if the answer is one; its cause has the other thread's trace
   */
  public static <T> T answer(CompletableFuture<T> future) {
    try {
      return future.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof ProcessDiedException died) {
        throw new ProcessDiedException(died.getMessage(), died);
      }
      if (e.getCause() instanceof PlatformException refused) {
        throw new PlatformException(refused.getMessage(), refused);
      }
      throw e;
    }
  }

  private static void await(Wait wait) {
    boolean interrupted = false;
    boolean done = false;
    while (!done) {
      try {
        wait.await();
        done = true;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
