package org.enclavisor.host.sdk;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** Where threads wait before they enter, while their enclave is paused. Open, it costs one read. Thread-safe. */
final class Turnstile {
  private static final long POLL_NANOS = 1_000_000;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private volatile boolean shut;

  void shut() {
    lock.lock();
    try {
      shut = true;
    } finally {
      lock.unlock();
    }
  }

  boolean isShut() {
    return shut;
  }

  void open() {
    lock.lock();
    try {
      shut = false;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Waits while it is shut; what the thread has said of its place stays true meanwhile. */
  void pass(TcsSlot slot) {
    if (!shut && !slot.waiting()) {
      return;
    }
    lock.lock();
    try {
      while (shut) {
        slot.waiting(true);
        changed.signalAll();
        changed.awaitUninterruptibly();
      }
    } finally {
      slot.waiting(false);
      lock.unlock();
    }
  }

  /** Waits while it is shut, before anything of a call has begun. */
  void pass() {
    if (!shut) {
      return;
    }
    lock.lock();
    try {
      while (shut) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Waits until every thread that makes a call waits here; returns one that does not in time, or null. */
  @org.jspecify.annotations.Nullable TcsSlot awaitAll(List<TcsSlot> slots, Duration patience) {
    long left = patience.toNanos();
    lock.lock();
    try {
      while (true) {
        TcsSlot late = null;
        for (TcsSlot slot : slots) {
          late = slot.depth() > 0 && !slot.waiting() ? slot : late;
        }
        if (late == null || left <= 0) {
          return late;
        }
        // A call that ends does not come by here, so that looking again is the only way to know.
        left -= Math.max(1, POLL_NANOS - Math.max(0, awaitNanos()));
      }
    } finally {
      lock.unlock();
    }
  }

  /** Waits until no OCALL is being served, but such as wait here themselves. Returns whether that came in time. */
  boolean awaitServed(List<TcsSlot> slots, Duration patience) {
    long left = patience.toNanos();
    lock.lock();
    try {
      while (slots.stream().anyMatch(slot -> slot.isServing() && !slot.waiting())) {
        if (left <= 0) {
          return false;
        }
        left -= Math.max(1, POLL_NANOS - Math.max(0, awaitNanos()));
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  private long awaitNanos() {
    try {
      return changed.awaitNanos(POLL_NANOS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      java.util.concurrent.locks.LockSupport.parkNanos(POLL_NANOS);
      return 0;
    }
  }
}
