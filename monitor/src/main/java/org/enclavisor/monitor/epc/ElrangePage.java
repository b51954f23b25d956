package org.enclavisor.monitor.epc;

import org.enclavisor.isa.PageType;
import org.jspecify.annotations.Nullable;

/**
 * A page of an enclave's ELRANGE, whether there is something in it or not.
 *
 * @param secs whose it is
 * @param page its number from the base
 */
public record ElrangePage(SecsPage secs, long page) implements EpcPage {
  private static final int PAGE = 4096;

  /** Also keeps threads from entering on it, if it is a TCS. One that is inside already is no conflict. */
  @Override
  public boolean tryExclusive() {
    if (!secs.pages().tryExclusive(page)) {
      return false;
    }
    TcsPage tcs = tcs();
    if (tcs != null) {
      int was = tcs.lock();
      if (was == TcsPage.LOCKED) {
        secs.pages().releaseExclusive(page);
        return false;
      }
      tcs.heldByLeaf = was == TcsPage.INACTIVE;
    }
    return true;
  }

  @Override
  public void releaseExclusive() {
    // Whatever its type is now: the leaf may have changed it.
    TcsPage tcs = secs.threads().get(page);
    if (tcs != null && tcs.heldByLeaf) {
      tcs.heldByLeaf = false;
      tcs.unlock();
    }
    secs.pages().releaseExclusive(page);
  }

  private @Nullable TcsPage tcs() {
    return EpcmEntry.is(secs.pages().bits(page), PageType.TCS) ? secs.threads().get(page) : null;
  }

  @Override
  public boolean tryShared() {
    return secs.pages().tryShared(page);
  }

  @Override
  public void releaseShared() {
    secs.pages().releaseShared(page);
  }

  @Override
  public int bits() {
    return secs.pages().bits(page);
  }

  @Override
  public long enclaveAddress() {
    return secs.base() + page * PAGE;
  }

  /** Its first byte's offset from the base. */
  public long offset() {
    return page * PAGE;
  }
}
