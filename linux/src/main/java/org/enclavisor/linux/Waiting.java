package org.enclavisor.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * How one logical processor's two threads wait for each other: on two processors spinning, or on one sleeping. Confined
 * to the thread that is inside, but for {@link #close}.
 *
 * <p>Only the enclave's thread is pinned for spinning, away from wherever the host's is; for sleeping both are pinned
 * to one processor, but the host's only after it has entered often, since threads that it makes inherit that.
 */
final class Waiting {
  /** About what it costs to wake a sleeping processor. */
  private static final long SPIN_NANOS = 40_000;

  private static final int SPIN_CYCLES = 100_000;
  private static final int SPINS_A_ROUND = 128;

  /** How often {@link WaitPolicy#AUTO} looks whether spinning pays, and for how long it then sleeps; in entries. */
  private static final int WINDOW = 64;

  private static final int PENANCE = 2048;
  private static final int ENTRIES_BEFORE_PINNING = 64;
  private static final int ANYWHERE = -1;

  /** A timer would cost as much as the system call. Death and {@link StubProcessor#interrupt} wake a sleeper anyway. */
  private static final long WITHOUT_END = 0;

  private final WaitPolicy policy;
  private final int tid;
  private final MemorySegment mailbox;
  private final long control;

  private @Nullable Thread thread;
  private @Nullable HostThread host;
  private boolean spinning;
  private int guestOn = ANYWHERE;
  private int entries;
  private int misses;
  private int sleepUntil;

  Waiting(WaitPolicy policy, int tid, MemorySegment mailbox) {
    this.policy = policy;
    this.tid = tid;
    this.mailbox = mailbox;
    this.control = mailbox.address() + Mailbox.CONTROL;
  }

  /** Before each entry. */
  void prepare() {
    if (Thread.currentThread() != thread) {
      attach();
    }
    entries++;
    if (spinning) {
      if (guestOn == ANYWHERE) {
        place(HostThread.apartFrom(Kernel.currentProcessor()));
      }
      if (policy == WaitPolicy.AUTO && entries % WINDOW == 0) {
        if (misses > WINDOW / 2) {
          sleepUntil = entries + PENANCE;
          sleepFromNowOn();
        }
        misses = 0;
      }
    } else if (host != null) {
      if (policy == WaitPolicy.AUTO && entries >= sleepUntil && entries % WINDOW == 0) {
        spinIfPossible(host);
      }
      if (!spinning && guestOn == ANYWHERE && entries >= ENTRIES_BEFORE_PINNING) {
        place(host.pin(Kernel.currentProcessor()));
      }
    }
  }

  /** Waits until it is the host's turn; false if the process has died. */
  boolean await(StubAddressSpace space) {
    if (spinning) {
      if (spin()) {
        return space.death() == null; // the dead give the turn back, too
      }
      miss();
    }
    int asleep = Mailbox.GUEST | Mailbox.ASLEEP;
    while (true) {
      int seen = (int) Mailbox.INT.compareAndExchange(mailbox, (long) Mailbox.CONTROL, Mailbox.GUEST, asleep);
      if ((seen & Mailbox.GUEST) == 0) {
        return space.death() == null;
      }
      if (space.death() != null) {
        return false;
      }
      if (seen != Mailbox.GUEST && seen != asleep) {
        space.violated("its control word is " + seen);
        return false;
      }
      Kernel.futexWait(control, asleep, WITHOUT_END);
    }
  }

  private boolean spin() {
    long deadline = 0;
    while (true) {
      for (int i = 0; i < SPINS_A_ROUND; i++) {
        if (((int) Mailbox.INT.getAcquire(mailbox, (long) Mailbox.CONTROL) & Mailbox.GUEST) == 0) {
          return true;
        }
        Thread.onSpinWait();
      }
      long now = System.nanoTime();
      if (deadline == 0) {
        deadline = now + SPIN_NANOS;
      } else if (now - deadline > 0) {
        return false;
      }
    }
  }

  /** The entry takes long: the scheduler shall find the enclave's thread the best place. */
  private void miss() {
    misses++;
    if (guestOn != ANYWHERE) {
      guestOn = ANYWHERE;
      Kernel.setAffinity(tid, HostThread.allowed());
    }
  }

  private void attach() {
    detach();
    thread = Thread.currentThread();
    if (!thread.isVirtual()) {
      host = HostThread.join();
      if (policy != WaitPolicy.SAME_CORE) {
        spinIfPossible(host);
      }
    }
  }

  private void spinIfPossible(HostThread on) {
    if (HostThread.isAlone() || !on.maySpin() && policy == WaitPolicy.AUTO) {
      return;
    }
    on.unpin();
    spinning = true;
    misses = 0;
    mailbox.set(ValueLayout.JAVA_INT, Mailbox.SPIN, SPIN_CYCLES);
    place(HostThread.apartFrom(Kernel.currentProcessor()));
  }

  private void sleepFromNowOn() {
    spinning = false;
    mailbox.set(ValueLayout.JAVA_INT, Mailbox.SPIN, 0);
    if (host != null) {
      host.dontSpin();
    }
    if (guestOn != ANYWHERE) {
      guestOn = ANYWHERE;
      Kernel.setAffinity(tid, HostThread.allowed());
    }
  }

  private void place(int cpu) {
    guestOn = cpu;
    Kernel.setAffinity(tid, HostThread.single(cpu));
  }

  private void detach() {
    sleepFromNowOn();
    if (host != null) {
      host.leave();
    }
    host = null;
    thread = null;
  }

  /**
   * Leaves both threads as they were. The logical processor is not entered any more.
   *
   * @param alive whether the enclave's thread still is: if not, its number may be another's by now
   */
  void close(boolean alive) {
    if (thread != null) {
      if (alive && guestOn != ANYWHERE) {
        Kernel.setAffinity(tid, HostThread.allowed());
      }
      if (host != null) {
        host.leave();
      }
      thread = null;
      host = null;
    }
  }
}
