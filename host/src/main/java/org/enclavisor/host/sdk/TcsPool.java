package org.enclavisor.host.sdk;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which thread is on which TCS. A thread that calls from within an OCALL stays on the TCS it came from. With the bound
 * policy a thread keeps its TCS until it ends; with the unbound policy only for the length of its outermost ECALL.
 * Thread-safe.
 */
public final class TcsPool {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Deque<TcsSlot> free = new ArrayDeque<>();
  private final Map<Thread, TcsSlot> bound = new HashMap<>();
  private final List<TcsSlot> all;

  /** Those that have not been made yet. */
  private final Deque<TcsSlot> unmade = new ArrayDeque<>();

  private final Predicate<TcsSlot> maker;
  private boolean making;
  private final boolean keepsBound;
  private final Duration patience;
  private boolean closed;

  /**
   * A pool in which all are free.
   *
   * @param later those that can be made when no other is free
   * @param maker makes one of them, on the thread that wants it; false if that cannot be done now
   * @param keepsBound the bound policy (TCSPolicy 0 in the signing configuration)
   * @param patience how long a thread of the unbound policy waits for a free TCS
   */
  TcsPool(
      List<TcsSlot> slots, List<TcsSlot> later, Predicate<TcsSlot> maker, boolean keepsBound, Duration patience) {
    all = Stream.concat(slots.stream(), later.stream()).toList();
    slots.forEach(free::push);
    unmade.addAll(later);
    this.maker = maker;
    this.keepsBound = keepsBound;
    this.patience = patience;
  }

  /** Every TCS. */
  List<TcsSlot> all() {
    return all;
  }

  /** The TCS with this address. */
  Optional<TcsSlot> at(long address) {
    return all.stream().filter(slot -> slot.address() == address).findFirst();
  }

  /**
   * The TCS of the calling thread, or a free one for it; empty if there is none, in time, or the pool is closed. An
   * interrupt ends the waiting too, and stays pending.
   */
  Optional<TcsSlot> acquire() {
    Thread thread = Thread.currentThread();
    long left = patience.toNanos();
    lock.lock();
    try {
      while (!closed) {
        TcsSlot slot = bound.get(thread);
        if (slot == null) {
          slot = take();
          if (slot != null) {
            bound.put(thread, slot);
          }
        }
        if (slot != null && slot.isBroken()) {
          return Optional.empty();
        }
        if (slot == null && grow()) {
          continue;
        }
        if (slot != null) {
          slot.depth(slot.depth() + 1);
          return Optional.of(slot);
        }
        if (keepsBound || left <= 0) {
          return Optional.empty();
        }
        left = changed.awaitNanos(left);
      }
      return Optional.empty();
    } catch (InterruptedException e) {
      thread.interrupt();
      return Optional.empty();
    } finally {
      lock.unlock();
    }
  }

  /** A free TCS for a thread that is yet to start; it has to call {@link #bind}. */
  Optional<TcsSlot> takeFree() {
    lock.lock();
    try {
      TcsSlot slot = closed ? null : take();
      while (slot == null && !closed && grow()) {
        slot = take();
      }
      return Optional.ofNullable(slot);
    } finally {
      lock.unlock();
    }
  }

  /** A certain TCS for a thread that is yet to {@link #bind}; empty if it is not free. */
  Optional<TcsSlot> take(long address) {
    lock.lock();
    try {
      Optional<TcsSlot> slot = at(address);
      return slot.isPresent() && (free.remove(slot.get()) || unmade.remove(slot.get())) ? slot : Optional.empty();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Makes another TCS, or waits for the thread that does. The lock is held, and given up meanwhile.
   *
   * @return whether it is worth while to look again
   */
  private boolean grow() {
    if (making) {
      changed.awaitUninterruptibly();
      return true;
    }
    TcsSlot slot = unmade.poll();
    if (slot == null) {
      return false;
    }
    making = true;
    lock.unlock();
    boolean made = false;
    try {
      made = maker.test(slot);
    } finally {
      lock.lock();
      making = false;
      if (made) {
        free.push(slot);
      } else {
        unmade.push(slot);
      }
      changed.signalAll();
    }
    return made;
  }

  /** Whether a TCS is there, or is one of those that the enclave makes when they are needed. */
  boolean isMade(TcsSlot slot) {
    lock.lock();
    try {
      return !unmade.contains(slot);
    } finally {
      lock.unlock();
    }
  }

  /** The enclave has made it before, under another host. */
  void made(TcsSlot slot) {
    lock.lock();
    try {
      if (unmade.remove(slot)) {
        free.push(slot);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Whether one is being made. */
  boolean isMaking() {
    lock.lock();
    try {
      return making;
    } finally {
      lock.unlock();
    }
  }

  /** Binds the calling thread to a TCS that was taken for it. */
  void bind(TcsSlot slot) {
    lock.lock();
    try {
      bound.put(Thread.currentThread(), slot);
      slot.depth(1);
    } finally {
      lock.unlock();
    }
  }

  private @Nullable TcsSlot take() {
    if (free.isEmpty()) {
      bound.entrySet()
          .removeIf(
              entry -> {
                boolean over = !entry.getKey().isAlive() && entry.getValue().depth() == 0;
                if (over && !entry.getValue().isBroken()) {
                  free.push(entry.getValue());
                }
                return over;
              });
    }
    return free.poll();
  }

  /** Ends an ECALL of the calling thread on its TCS. */
  void release(TcsSlot slot) {
    lock.lock();
    try {
      slot.depth(slot.depth() - 1);
      if (slot.depth() == 0 && (slot.isBroken() || !keepsBound)) {
        giveBack(slot);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Takes the TCS from the calling thread, whatever the policy. */
  void unbind(TcsSlot slot) {
    lock.lock();
    try {
      slot.depth(0);
      giveBack(slot);
    } finally {
      lock.unlock();
    }
  }

  private void giveBack(TcsSlot slot) {
    bound.remove(Thread.currentThread(), slot);
    if (!slot.isBroken()) {
      free.push(slot);
    }
    changed.signal();
  }

  /** The depth of ECALLs of the calling thread. */
  int depth() {
    lock.lock();
    try {
      TcsSlot slot = bound.get(Thread.currentThread());
      return slot == null ? 0 : slot.depth();
    } finally {
      lock.unlock();
    }
  }

  /** Lets nobody in any more, and ends all waiting. */
  void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    all.forEach(slot -> slot.event().release(1 << 20));
  }

  /** Nanoseconds in a duration given in seconds by the enclave, bounded. */
  static long nanos(long seconds) {
    return TimeUnit.SECONDS.toNanos(Math.min(Math.max(seconds, 0), 1L << 32));
  }
}
