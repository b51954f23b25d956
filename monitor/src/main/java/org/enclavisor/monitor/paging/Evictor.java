package org.enclavisor.monitor.paging;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.spi.PlatformException;

/** EBLOCK, ETRACK, kicks, EWB: takes batches of pages out of the EPC. Under the pager's lock. */
final class Evictor {
  private final SystemLeaves leaves;
  private final Swap swap;
  private final Residents residents;
  private final PageNews news;
  private final int batch;

  Evictor(
      SystemLeaves leaves, Swap swap, Residents residents, long budget, PageNews news) {
    this.leaves = leaves;
    this.swap = swap;
    this.residents = residents;
    this.news = news;
    this.batch = Math.clamp(budget / 16, 1, Swap.BATCH);
  }

  /** Evicts a batch. Returns how many pages have gone. */
  int evict() {
    List<PageQueue.Entry> victims = residents.pick(batch);
    int gone = 0;
    int from = 0;
    while (from < victims.size()) {
      PagedEnclave enclave = victims.get(from).enclave();
      int to = from;
      List<Long> pages = new ArrayList<>();
      while (to < victims.size() && victims.get(to).enclave() == enclave) {
        pages.add(victims.get(to++).page());
      }
      try {
        gone += evict(enclave, pages);
      } catch (PagingException e) {
        // Those of this enclave that the store did not take are back already.
        for (PageQueue.Entry rest : victims.subList(to, victims.size())) {
          stays(rest.enclave(), rest.page());
        }
        throw e;
      } catch (PlatformException | IllegalStateException e) {
        // Its process has died, or its memory was closed under our hands: nobody will ask for these pages any more.
        enclave.care.broken("its pages could not be evicted: " + e.getMessage());
      }
      from = to;
    }
    return gone;
  }

  /** Evicts pages of one enclave. */
  int evict(PagedEnclave enclave, List<Long> pages) {
    long start = System.nanoTime();
    int slots = swap.prepare(enclave, pages.size());
    List<Long> blocked = new ArrayList<>(slots);
    for (long page : pages) {
      if (blocked.size() == slots) {
        stays(enclave, page);
      } else if (block(enclave, page)) {
        blocked.add(page);
      }
    }
    if (blocked.isEmpty()) {
      return 0;
    }
    Outcome tracked = Shootdown.track(leaves, enclave.secs);
    if (!tracked.ok()) {
      blocked.forEach(page -> residents.block(enclave, page));
      return 0;
    }
    int gone = swap.out(enclave, blocked, residents);
    if (gone > 0) {
      news.moved(enclave.id, EnclsLeaf.EWB, gone, start);
    }
    return gone;
  }

  /** Whether a page is blocked now. */
  private boolean block(PagedEnclave enclave, long page) {
    if (EpcmEntry.blocked(enclave.secs.pages().bits(page))) {
      return true;
    }
    Outcome outcome = leaves.eblock(enclave.secs, page);
    if (outcome.ok()) {
      return true;
    }
    // Another leaf has it at the moment, or the host has removed it.
    boolean invalid = outcome instanceof Outcome.Error(SgxError error, boolean _, String _)
        && error == SgxError.SGX_PG_INVLD;
    if (!invalid) {
      residents.stays(enclave, page);
    }
    return false;
  }

  private void stays(PagedEnclave enclave, long page) {
    if (EpcmEntry.blocked(enclave.secs.pages().bits(page))) {
      residents.block(enclave, page);
    } else {
      residents.stays(enclave, page);
    }
  }
}
