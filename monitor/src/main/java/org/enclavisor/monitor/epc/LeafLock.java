package org.enclavisor.monitor.epc;

import java.util.concurrent.atomic.AtomicBoolean;

/** What leaves of one kind exclude each other by. Nobody waits for it. Thread-safe. */
public final class LeafLock {
  private final AtomicBoolean taken = new AtomicBoolean();

  /** Takes it; false if another leaf has it. */
  public boolean tryTake() {
    return taken.compareAndSet(false, true);
  }

  /** Whether a leaf has it. */
  public boolean taken() {
    return taken.get();
  }

  /** Gives it back. */
  public void release() {
    taken.set(false);
  }
}
