package org.enclavisor.monitor.paging;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.leaf.Eremove;
import org.enclavisor.monitor.spi.SwapStore;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the pages of all enclaves within a budget: makes room by eviction before a page comes into the EPC, and brings
 * evicted pages back. Thread-safe; one lock, see the package's comment. A thread inside an enclave has to be parked
 * ({@link org.enclavisor.monitor.epc.TcsPage#park}) when it calls, since tracking waits for whoever is not.
 */
public final class Pager implements AutoCloseable {
  /** Pages that one instruction of one thread can need at once, and then some. */
  private static final int WORKING_SET = 12;

  /** Version arrays take no more than one page in so many, before they are evicted themselves. */
  private static final int VERSIONS_PART = 16;

  /** Fair: a thread that waits for a page gets it before those that came later get theirs. */
  private final ReentrantLock lock = new ReentrantLock(true);

  private final SystemLeaves leaves;
  private final EpcBudget budget;
  private final Residents residents = new Residents();
  private final Swap swap;
  private final Evictor evictor;
  private final PageNews news;
  private final List<PagedEnclave> enclaves = new ArrayList<>();
  private long guaranteed = EpcBudget.HEADROOM;

  /**
   * @param pages how many EPC pages there are
   * @param leaves for the pager alone
   * @param store belongs to the pager from now on
   */
  public Pager(long pages, Epc epc, SystemLeaves leaves, SwapStore store, PageNews news) {
    this.leaves = leaves;
    this.budget = new EpcBudget(pages);
    this.swap = new Swap(epc, leaves, store, budget);
    this.evictor = new Evictor(leaves, swap, residents, pages, news);
    this.news = news;
  }

  /** What an enclave needs so that all of its threads get on: its SECS, version arrays, and their working sets. */
  public static long needed(int threads, int ssaFramePages) {
    return 3 + (long) threads * (WORKING_SET + 1 + ssaFramePages);
  }

  /**
   * Takes room for an enclave's SECS, if what it needs can be had beside what the others need.
   *
   * @param needed see {@link #needed}
   * @return why not, or null
   */
  public @Nullable String admit(long needed) {
    lock.lock();
    try {
      if (guaranteed + needed > budget.pages) {
        String tooFew = "the EPC has %d pages, %d of which are promised: too few for this enclave, which needs %d at once";
        return tooFew.formatted(budget.pages, guaranteed, needed);
      }
      makeRoom(1);
      budget.take(1);
      guaranteed += needed;
      return null;
    } finally {
      lock.unlock();
    }
  }

  /** Gives back what {@link #admit} took: there will be no such enclave. */
  public void dismiss(long needed) {
    lock.lock();
    try {
      budget.give(1);
      guaranteed -= needed;
    } finally {
      lock.unlock();
    }
  }

  /** The enclave whose SECS was admitted. */
  public PagedEnclave enclave(EnclaveId id, SecsPage secs, PagedEnclave.Care care, long needed) {
    PagedEnclave enclave = new PagedEnclave(id, secs, care, needed);
    lock.lock();
    try {
      enclaves.add(enclave);
    } finally {
      lock.unlock();
    }
    return enclave;
  }

  /** How many pages can be taken at once by {@link #reserve}. */
  public long portion() {
    return Math.max(1, budget.pages / 8);
  }

  /**
   * Makes and takes room for pages that are about to be added.
   *
   * @throws PagingException if there is no room to be made
   */
  public void reserve(long pages) {
    lock.lock();
    try {
      makeRoom(pages);
      budget.take(pages);
    } finally {
      lock.unlock();
    }
  }

  /** Some of the pages that room was taken for were added, from this one on. */
  public void added(PagedEnclave enclave, long page, long count, long reserved) {
    lock.lock();
    try {
      budget.give(reserved - count);
      for (long i = 0; i < count; i++) {
        residents.came(enclave, page + i);
      }
    } finally {
      lock.unlock();
    }
  }

  /** A page was removed from the EPC by EREMOVE. */
  public void removed(PagedEnclave enclave, long page) {
    lock.lock();
    try {
      if (PageStates.resident(enclave.states.get(page))) {
        residents.went(enclave, page, PageStates.NONE);
        budget.give(1);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Has a page in the EPC and usable, if it is one of the enclave's at all.
   *
   * @return false if the pager knows of no such page
   * @throws PagingException if it cannot be brought in now
   * @throws LostPageException if it is lost
   */
  public boolean load(PagedEnclave enclave, long page) {
    lock.lock();
    try {
      if (enclave.gone()) {
        return false;
      }
      int state = enclave.states.get(page);
      if (state == PageStates.BLOCKED) {
        // A thread inside kept it from going; now somebody needs it, so that it has to go first.
        evictor.evict(enclave, List.of(page));
        state = enclave.states.get(page);
        if (state == PageStates.BLOCKED) {
          throw new PagingException("a page that is blocked cannot be evicted: threads inside do not come out");
        }
      }
      if (!PageStates.evicted(state)) {
        return PageStates.resident(state);
      }
      bring(enclave, page, PageStates.slot(state));
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** The first page in the pager's care from this one on, wherever it is; −1 if there is none. */
  public long next(PagedEnclave enclave, long page) {
    lock.lock();
    try {
      return enclave.states.next(page);
    } finally {
      lock.unlock();
    }
  }

  /** How many pages are in its care, wherever they are. */
  public long held(PagedEnclave enclave) {
    lock.lock();
    try {
      long held = 0;
      for (long page = enclave.states.next(0); page >= 0; page = enclave.states.next(page + 1)) {
        held++;
      }
      return held;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Does something with a page that is in the EPC meanwhile: brought back, if it was not there.
   *
   * @param action has to be quick, for everybody who needs a page waits for it
   * @return false if the pager knows of no such page
   * @throws PagingException if it cannot be brought in now
   */
  public boolean visit(PagedEnclave enclave, long page, Runnable action) {
    lock.lock();
    try {
      boolean there = load(enclave, page);
      if (there) {
        action.run();
      }
      return there;
    } finally {
      lock.unlock();
    }
  }

  private void bring(PagedEnclave enclave, long page, int slot) {
    makeRoom(1);
    while (!budget.hasRoom(swap.pagesFor(enclave, slot))) {
      makeRoom(swap.pagesFor(enclave, slot));
    }
    long start = System.nanoTime();
    swap.versionsIn(enclave, slot);
    swap.in(enclave, page, slot);
    residents.came(enclave, page);
    news.moved(enclave.id, EnclsLeaf.ELDU, 1, start);
  }

  /**
   * EAUG of a page that is nowhere.
   *
   * @return the leaf's outcome; null if the page is there already, or evicted
   */
  public @Nullable Outcome augment(PagedEnclave enclave, long page) {
    lock.lock();
    try {
      if (enclave.gone() || enclave.states.get(page) != PageStates.NONE
          || EpcmEntry.valid(enclave.secs.pages().bits(page))) {
        return null;
      }
      makeRoom(1);
      Outcome outcome = leaves.eaug(enclave.secs, page);
      if (outcome.ok()) {
        budget.take(1);
        residents.came(enclave, page);
      }
      return outcome;
    } finally {
      lock.unlock();
    }
  }

  private void makeRoom(long pages) {
    if (budget.hasRoom(pages)) {
      return;
    }
    sweep();
    int failures = 0;
    while (!budget.hasRoom(pages)) {
      int gone = 0;
      if (Swap.residentVersions(enclaves) * VERSIONS_PART > budget.pages + enclaves.size() * VERSIONS_PART) {
        gone += swap.versionsOut(enclaves) ? 1 : 0;
      }
      gone += evictor.evict();
      failures = gone == 0 ? failures + 1 : 0;
      if (failures == 3) {
        throw new PagingException(
            "no room in the EPC: of %d pages %d are in use, and none of them can be evicted now"
                .formatted(budget.pages, budget.used()));
      }
    }
  }

  /** Enclaves that have died and that nobody is inside of any more give their pages back before they are removed. */
  private void sweep() {
    for (PagedEnclave enclave : List.copyOf(enclaves)) {
      if (enclave.care.dead() && !enclave.secs.active()) {
        drop(enclave);
      }
    }
  }

  private void drop(PagedEnclave enclave) {
    if (!enclave.gone()) {
      enclave.leave();
      budget.give(enclave.resident);
      residents.left(enclave);
      Eremove.all(enclave.secs);
      swap.forget(enclave);
    }
  }

  /** The enclave is being removed, and everything in it. It is not touched any more when this returns. */
  public void forget(PagedEnclave enclave) {
    lock.lock();
    try {
      drop(enclave);
      if (enclaves.remove(enclave)) {
        budget.give(1);
        guaranteed -= enclave.guaranteed;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Whether a page is in the pager's care, in the EPC or out of it. */
  public boolean holds(PagedEnclave enclave, long page) {
    lock.lock();
    try {
      return enclave.states.get(page) != PageStates.NONE;
    } finally {
      lock.unlock();
    }
  }

  /** EPC pages in use now. */
  public long used() {
    lock.lock();
    try {
      return budget.used();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      swap.close();
    } finally {
      lock.unlock();
    }
  }
}
