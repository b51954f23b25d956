package org.enclavisor.monitor;

import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.leaf.SsaFrames;
import org.enclavisor.monitor.paging.LostPageException;
import org.enclavisor.monitor.paging.PagedEnclave;
import org.enclavisor.monitor.paging.Pager;
import org.enclavisor.monitor.paging.PagingException;
import org.enclavisor.monitor.paging.SystemLeaves;
import org.jspecify.annotations.Nullable;

/**
 * What an operating system does at a page fault in an enclave before anybody else hears of it: tells the machine what
 * it had not been told yet, brings an evicted page back, adds a page where the host has mapped one. Thread-safe; runs
 * on the thread that faulted.
 */
final class FaultService {
  private static final int PAGE = SystemLeaves.PAGE;

  private static final int READ_WRITE = 3;

  /** How often the SSA frame's pages are brought back before the thread gives up. */
  private static final int MAX_ROUNDS = 1000;

  /** What came of a fault. */
  enum Service {
    /** It was none of the architecture's, and something was done about it: the access or leaf is repeated. */
    AGAIN,

    /** It is none of the architecture's, but there is nothing left to do about it: the access is repeated. */
    KNOWN,

    /** It is the architecture's, and the enclave's or the host's to deal with. */
    NONE
  }

  private final boolean sgx2;
  private final SystemLeaves leaves;
  private final @Nullable Pager pager;
  private final Events events;

  /**
   * @param sgx2 whether the processor can add pages to an enclave that runs
   * @param leaves for EAUG, if there is no pager
   * @param pager null if the EPC has no limit
   */
  FaultService(boolean sgx2, SystemLeaves leaves, @Nullable Pager pager, Events events) {
    this.sgx2 = sgx2;
    this.leaves = leaves;
    this.pager = pager;
    this.events = events;
  }

  /**
   * A thread inside has faulted, or runs a leaf that did.
   *
   * @param access 1 read, 2 write, 4 execute
   * @param leaf whether it was a leaf
   * @param before how often this was asked for the same page without another in between
   */
  Service inside(Enclave enclave, TcsPage tcs, long page, int access, boolean leaf, int before) {
    if (!leaf) {
      switch (enclave.tables().serve(page, access)) {
        case GRANTED -> {
          return Service.AGAIN;
        }
        case KNOWN -> {
          return Service.KNOWN;
        }
        case REFUSED -> {}
      }
    }
    PagedEnclave paged = enclave.paged();
    int bits = enclave.secs().pages().bits(page);
    if (there(bits)) {
      // Pages come and go while this thread looks: what the fault was about may be over.
      return paged != null && (leaf ? before == 0 : allows(enclave, page, bits, access)) ? Service.AGAIN : Service.NONE;
    }
    if (pager != null && paged != null) {
      return paged(pager, paged, enclave, tcs, page, access, leaf);
    }
    if (!augmentable(enclave, page, access)) {
      return Service.NONE;
    }
    return augment(enclave, page) && leaf ? Service.AGAIN : Service.NONE;
  }

  private static boolean there(int bits) {
    return EpcmEntry.valid(bits) && !EpcmEntry.blocked(bits);
  }

  private static boolean allows(Enclave enclave, long page, int bits, int access) {
    return (EpcmEntry.access(bits) & enclave.host.bits(page) & access) == access;
  }

  /** Whether a page that these bits do not show to be in the EPC is evicted, and nothing can be said of it. */
  boolean evicted(Enclave enclave, TcsPage tcs, long page, int bits) {
    PagedEnclave paged = enclave.paged();
    if (pager == null || paged == null || there(bits) || enclave.host.bits(page) == 0) {
      return false;
    }
    // Whoever has the pager may be waiting for this thread.
    tcs.park();
    try {
      return pager.holds(paged, page);
    } finally {
      unpark(enclave, tcs);
    }
  }

  private Service paged(
      Pager pager, PagedEnclave paged, Enclave enclave, TcsPage tcs, long page, int access, boolean leaf) {
    boolean mapped = enclave.host.bits(page) != 0;
    boolean augmentable = augmentable(enclave, page, access);
    if (!mapped && !augmentable) {
      return Service.NONE;
    }
    boolean loaded;
    boolean augmented = false;
    tcs.park();
    try {
      loaded = pager.load(paged, page);
      if (!loaded && augmentable) {
        augmented = augmented(enclave, pager.augment(paged, page));
      }
    } finally {
      unpark(enclave, tcs);
    }
    if (loaded && !leaf) {
      // If it is not allowed, EPCM and host mapping now say so; unless the page has gone again.
      boolean allowed = enclave.tables().serve(page, access) != PageTables.Served.REFUSED;
      int bits = enclave.secs().pages().bits(page);
      return allowed || !there(bits) || allows(enclave, page, bits, access) ? Service.AGAIN : Service.NONE;
    }
    return loaded || augmented && leaf ? Service.AGAIN : Service.NONE;
  }

  private boolean augmentable(Enclave enclave, long page, int access) {
    return sgx2
        && enclave.secs().initialised()
        && !EpcmEntry.valid(enclave.secs().pages().bits(page))
        && enclave.host.mapped(page, access);
  }

  private boolean augment(Enclave enclave, long page) {
    return augmented(enclave, leaves.eaug(enclave.secs(), page));
  }

  private boolean augmented(Enclave enclave, @Nullable Outcome outcome) {
    if (outcome == null) {
      return true; // somebody else was faster
    }
    if (outcome.ok()) {
      enclave.pageCounts.moved(EnclsLeaf.EAUG, 1);
    }
    if (events.wanted()) {
      events.tell(new MonitorEvent.Encls(enclave.id(), System.nanoTime(), EnclsLeaf.EAUG, 1, 0, outcome));
    }
    return outcome.ok();
  }

  /**
   * EENTER or ERESUME was refused with a page fault.
   *
   * @param before how often this was asked already for the same leaf
   * @return whether the page is there now, so that the leaf is repeated
   */
  boolean outside(Enclave enclave, Outcome.Fault fault, int before) {
    PagedEnclave paged = enclave.paged();
    SecsPage secs = enclave.secs();
    if (pager == null || paged == null || !secs.contains(fault.address())) {
      return false;
    }
    long page = (fault.address() - secs.base()) / PAGE;
    return (before == 0 || !there(secs.pages().bits(page))) && pager.load(paged, page);
  }

  /**
   * EENTER or ERESUME was refused with a general protection fault.
   *
   * @param tcs what was found at the address
   * @return whether that may have been for a leaf of the pager's which worked on the TCS, and the TCS is there again
   */
  boolean moving(Enclave enclave, @Nullable TcsPage tcs, long address) {
    PagedEnclave paged = enclave.paged();
    SecsPage secs = enclave.secs();
    if (pager == null || paged == null || !secs.contains(address)) {
      return false;
    }
    long page = (address - secs.base()) / PAGE;
    return secs.threads().get(page) != tcs || !there(secs.pages().bits(page)) && pager.load(paged, page);
  }

  /**
   * A thread inside was kicked: it counts as having entered anew, if it still can.
   *
   * @return whether it goes on; else it has to leave
   * @throws LostPageException if its SSA frame is gone
   */
  boolean renew(Enclave enclave, TcsPage tcs) {
    SecsPage secs = enclave.secs();
    long epoch = secs.tracking().epoch();
    if (enclave.tables().stale()) {
      enclave.tables().flush();
    }
    if (!SsaFrames.enterable(secs, tcs)) {
      return false;
    }
    Outcome.Fault fault = SsaFrames.unusable(secs, tcs.ssa);
    if (fault == null) {
      tcs.entersAnew(epoch);
      return true;
    }
    if (pager == null || enclave.paged() == null || there(secs.bits(fault.address()))) {
      return false;
    }
    tcs.park();
    return unpark(enclave, tcs);
  }

  /**
   * The thread relies on its SSA frame again, whose pages are brought back if they have gone meanwhile.
   *
   * @return whether it can go on
   * @throws LostPageException if it cannot even leave
   */
  private boolean unpark(Enclave enclave, TcsPage tcs) {
    SecsPage secs = enclave.secs();
    for (int round = 0; round < MAX_ROUNDS; round++) {
      tcs.entersAnew(secs.tracking().epoch());
      Outcome.Fault fault = SsaFrames.unusable(secs, tcs.ssa);
      if (fault == null) {
        if (enclave.tables().stale()) {
          enclave.tables().flush();
        }
        return true;
      }
      tcs.park();
      boolean back = false;
      try {
        back = outside(enclave, fault, round);
      } catch (PagingException e) {
        throw new LostPageException("the SSA frame of a thread inside cannot be brought back: " + e.getMessage());
      } finally {
        tcs.entersAnew(secs.tracking().epoch());
      }
      int bits = secs.bits(fault.address());
      if (!back && (EpcmEntry.access(bits) & READ_WRITE) == READ_WRITE) {
        return false; // only the host's mapping is gone, which the way out does not need
      }
      if (!back) {
        break;
      }
    }
    throw new LostPageException("the SSA frame of a thread inside was taken away");
  }
}
