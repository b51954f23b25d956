package org.enclavisor.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** How one logical processor's host thread waits for it. Confined to the thread that is inside, but for close. */
final class Waiting {
  private static final int SPINS = 1000;
  private final MemorySegment timeout = Arena.ofAuto().allocate(16, 8);

  Waiting() {
    timeout.set(ValueLayout.JAVA_LONG, 8, 100_000_000L);
  }

  boolean await(MemorySegment mailbox, long control, StubAddressSpace space) {
    for (int i = 0; i < SPINS; i++) {
      if (((int) Mailbox.INT.getAcquire(mailbox, (long) Mailbox.CONTROL) & Mailbox.GUEST) == 0) {
        return true;
      }
      Thread.onSpinWait();
    }
    int asleep = Mailbox.GUEST | Mailbox.ASLEEP;
    while (true) {
      int seen = (int) Mailbox.INT.compareAndExchange(mailbox, (long) Mailbox.CONTROL, Mailbox.GUEST, asleep);
      if ((seen & Mailbox.GUEST) == 0) {
        return true;
      }
      if (space.death() != null) {
        return false;
      }
      Kernel.futexWait(control, asleep, timeout.address());
    }
  }

  void close() {}
}
