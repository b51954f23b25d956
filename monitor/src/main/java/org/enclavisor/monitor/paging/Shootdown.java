package org.enclavisor.monitor.paging;

import java.util.concurrent.locks.LockSupport;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ProcessorSlot;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;

/**
 * What an operating system does by ETRACK and inter-processor interrupts: afterwards no thread uses translations of
 * before. Threads inside are kicked: they come to the monitor, count as having entered anew, and go on; neither enclave
 * nor host notices.
 */
public final class Shootdown {
  private static final long PATIENCE_NANOS = 2_000_000_000L;
  private static final long MAX_PAUSE_NANOS = 500_000L;
  private static final int SPINS = 64;

  private Shootdown() {}

  /** ETRACK, when the tracking before it is complete. */
  public static Outcome track(SystemLeaves leaves, SecsPage secs) {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (true) {
      Outcome outcome = leaves.etrack(secs);
      if (outcome.ok() || System.nanoTime() - deadline > 0) {
        return outcome;
      }
      if (outcome instanceof Outcome.Error(SgxError error, boolean _, String _)
          && error == SgxError.SGX_PREV_TRK_INCMPL) {
        complete(secs, secs.tracking().epoch() - 1);
      } else {
        Thread.onSpinWait(); // somebody else's ETRACK, or a leaf that has the SECS for a moment
      }
    }
  }

  /**
   * Waits until nobody is inside who entered at an epoch or before.
   *
   * @return false if a thread does not come, however often it is called
   */
  public static boolean complete(SecsPage secs, long stamp) {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    long pause = 10_000;
    for (int round = 0; secs.tracking().insideSince(stamp); round++) {
      for (TcsPage tcs : secs.threads().all()) {
        ProcessorSlot slot = tcs.processor;
        if (slot != null && tcs.state() == TcsPage.ACTIVE && tcs.enteredEpoch() <= stamp) {
          tcs.kick(slot.processor::interrupt);
        }
      }
      if (System.nanoTime() - deadline > 0) {
        return !secs.tracking().insideSince(stamp);
      }
      if (round < SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(pause);
        pause = Math.min(2 * pause, MAX_PAUSE_NANOS);
      }
    }
    return true;
  }
}
