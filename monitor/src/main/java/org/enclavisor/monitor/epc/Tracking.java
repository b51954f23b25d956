package org.enclavisor.monitor.epc;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Which threads may still use translations from before a page was blocked, restricted or modified (SDM 3D, ETRACK, and
 * “Tracking” of the chapter on EPC management).
 *
 * <p>The enclave has an epoch, which ETRACK raises. A thread notes it when it enters; EBLOCK, EMODPR and EMODT stamp it
 * on the page. A page is tracked once the epoch is beyond its stamp and no thread is inside that entered at the stamp or
 * before. A thread on its way in counts as inside. Entering costs a read and a write of one word. Thread-safe.
 */
public final class Tracking {
  private final TcsTable threads;
  private final AtomicLong epoch = new AtomicLong(1);
  private final LeafLock lock = new LeafLock();

  Tracking(TcsTable threads) {
    this.threads = threads;
  }

  /** The enclave's epoch. */
  public long epoch() {
    return epoch.get();
  }

  /** Sets the epoch of an enclave that is being restored. */
  public void restore(long value) {
    epoch.set(value);
  }

  /** What ETRACK and ETRACKC exclude each other by. */
  public LeafLock lock() {
    return lock;
  }

  /** Whether a thread is inside since an epoch before the present one: the last ETRACK is not complete. */
  public boolean incomplete() {
    return insideSince(epoch.get() - 1);
  }

  /**
   * ETRACK: begins a new epoch. Callers hold {@link #lock()} and have asked {@link #incomplete()}.
   *
   * @return false if there are no more epochs
   */
  public boolean advance() {
    return epoch.get() < EpcmTable.MAX_EPOCH && epoch.incrementAndGet() > 0;
  }

  /** Whether nobody can use translations any more that were made before a page was stamped. */
  public boolean tracked(long stamp) {
    return epoch.get() > stamp && !insideSince(stamp);
  }

  /** Whether a thread is inside that entered at an epoch or before. */
  public boolean insideSince(long stamp) {
    for (TcsPage tcs : threads.all()) {
      if (tcs.enteredEpoch() <= stamp && tcs.state() != TcsPage.INACTIVE && !tcs.heldByLeaf) {
        return true;
      }
    }
    return false;
  }
}
