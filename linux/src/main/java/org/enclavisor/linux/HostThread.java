package org.enclavisor.linux;

import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A platform thread of the JVM that enters enclaves: whether it may spin, and to which processor it has been pinned.
 * One for each thread, shared by the logical processors that it enters, and gone with the last of them. Thread-safe.
 */
final class HostThread {
  private static final Map<Thread, HostThread> ALL = new HashMap<>();
  private static final BitSet ALLOWED = Kernel.affinity(0);
  private static final int[] LOADS = new int[ALLOWED.length()];
  private static int spinners;

  private final Thread thread;
  private final int tid;
  private int users;
  private boolean spinner;
  private @Nullable BitSet original;
  private int pinnedTo = -1;

  private HostThread(Thread thread) {
    this.thread = thread;
    this.tid = Kernel.gettid();
  }

  /** The calling thread's; to be {@link #leave left} once for each call. */
  static HostThread join() {
    synchronized (ALL) {
      HostThread host = ALL.computeIfAbsent(Thread.currentThread(), HostThread::new);
      host.users++;
      return host;
    }
  }

  /** Puts everything back when the last logical processor has left. */
  void leave() {
    synchronized (ALL) {
      if (--users > 0) {
        return;
      }
      ALL.remove(thread);
      dontSpin();
      if (original != null) {
        if (thread.isAlive()) { // else the number may be another thread's by now
          Kernel.setAffinity(tid, original);
        }
        LOADS[pinnedTo]--;
      }
    }
  }

  /** Whether a pair of processors is free for this thread and its enclave's to spin on. */
  boolean maySpin() {
    synchronized (ALL) {
      if (!spinner && spinners >= ALLOWED.cardinality() / 2) {
        // A thread that has ended keeps its place until its logical processor is entered by another, or closed.
        ALL.values().stream().filter(host -> !host.thread.isAlive()).forEach(HostThread::dontSpin);
      }
      if (!spinner && spinners < ALLOWED.cardinality() / 2) {
        spinner = true;
        spinners++;
      }
      return spinner;
    }
  }

  /** Whether two processors are left beside the pairs that spin. */
  static boolean isPairFree() {
    synchronized (ALL) {
      return 2 * (spinners + 1) <= ALLOWED.cardinality();
    }
  }

  /** Gives the pair back. */
  void dontSpin() {
    synchronized (ALL) {
      if (spinner) {
        spinner = false;
        spinners--;
      }
    }
  }

  /** Pins the thread, for as long as it enters, to the processor with the fewest such threads; which one that is. */
  int pin(int current) {
    synchronized (ALL) {
      if (original == null) {
        pinnedTo = leastLoaded(current);
        BitSet before = Kernel.affinity(tid);
        if (Kernel.setAffinity(tid, single(pinnedTo))) {
          original = before;
          LOADS[pinnedTo]++;
        }
      }
      return pinnedTo;
    }
  }

  /** Lets the thread go where the scheduler likes. */
  void unpin() {
    synchronized (ALL) {
      if (original != null) {
        Kernel.setAffinity(tid, original);
        original = null;
        LOADS[pinnedTo]--;
      }
    }
  }

  /** A processor for an enclave's thread, away from the one that its host runs on. */
  static int apartFrom(int current) {
    synchronized (ALL) {
      int best = -1;
      for (int cpu = ALLOWED.nextSetBit(0); cpu >= 0; cpu = ALLOWED.nextSetBit(cpu + 1)) {
        if (cpu != current && (best < 0 || LOADS[cpu] < LOADS[best])) {
          best = cpu;
        }
      }
      return best;
    }
  }

  static boolean isAlone() {
    return ALLOWED.cardinality() < 2;
  }

  static BitSet allowed() {
    return ALLOWED;
  }

  static BitSet single(int cpu) {
    BitSet set = new BitSet();
    set.set(cpu);
    return set;
  }

  private static int leastLoaded(int preferred) {
    int best = preferred;
    for (int cpu = ALLOWED.nextSetBit(0); cpu >= 0; cpu = ALLOWED.nextSetBit(cpu + 1)) {
      if (LOADS[cpu] < LOADS[best]) {
        best = cpu;
      }
    }
    return best;
  }
}
