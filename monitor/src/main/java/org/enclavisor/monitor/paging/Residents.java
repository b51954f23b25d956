package org.enclavisor.monitor.paging;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.enclavisor.isa.PageType;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.jspecify.annotations.Nullable;

/**
 * The pages in the EPC in the order in which they came, and the choice of those that go: first in, first out, with a
 * second chance. A page that has come to the front of the first queue loses the machine's access to it and waits in the
 * second; if it is touched there, the monitor serves the fault, and the page begins anew. So what is evicted has not
 * been used for as long as the second queue takes, and most of the EPC is never bothered. Under the pager's lock.
 */
final class Residents {
  private static final Comparator<PageQueue.Entry> BY_PLACE =
      Comparator.<PageQueue.Entry>comparingLong(entry -> entry.enclave().id.instance())
          .thenComparingLong(PageQueue.Entry::page);

  /** Part of the EPC that is in the second queue. */
  private static final int INACTIVE_PART = 4;

  private final PageQueue active = new PageQueue(PageStates.ACTIVE);
  private final PageQueue inactive = new PageQueue(PageStates.INACTIVE);
  private final PageQueue blocked = new PageQueue(PageStates.BLOCKED);
  private long count;

  /** A page has come. */
  void came(PagedEnclave enclave, long page) {
    enclave.resident++;
    count++;
    active.add(enclave, page);
  }

  /** A page has gone, to a state. */
  void went(PagedEnclave enclave, long page, int state) {
    enclave.states.set(page, state);
    enclave.resident--;
    count--;
  }

  /** All pages of an enclave have gone. */
  void left(PagedEnclave enclave) {
    count -= enclave.resident;
    enclave.resident = 0;
  }

  /** A page that was chosen stays after all. */
  void stays(PagedEnclave enclave, long page) {
    active.add(enclave, page);
  }

  /** A page is blocked, and could not go yet. */
  void block(PagedEnclave enclave, long page) {
    blocked.add(enclave, page);
  }

  long count() {
    return count;
  }

  /** Up to so many pages that are to go, by enclave and address. Blocked ones come first. */
  List<PageQueue.Entry> pick(int wanted) {
    List<PageQueue.Entry> victims = new ArrayList<>(wanted);
    for (int i = blocked.size(); i > 0 && victims.size() < wanted; i--) {
      PageQueue.Entry entry = blocked.take();
      if (entry == null) {
        break;
      }
      victims.add(entry);
    }
    active.compact(count);
    inactive.compact(count);
    // Whoever is touched all the time comes by twice in a round at the most.
    for (long looked = 0; victims.size() < wanted && looked < 2 * count; looked++) {
      if (inactive.size() < wanted) {
        refill(Math.max(2L * wanted, count / INACTIVE_PART));
      }
      PageQueue.Entry entry = inactive.take();
      if (entry == null) {
        break;
      }
      if (touched(entry) || pinned(entry.enclave(), entry.page())) {
        active.add(entry.enclave(), entry.page());
      } else {
        victims.add(entry);
      }
    }
    victims.sort(BY_PLACE);
    return victims;
  }

  private static boolean touched(PageQueue.Entry entry) {
    return entry.enclave().secs.pages().granted(entry.page()) != 0;
  }

  /** From the first queue to the second. */
  private void refill(long size) {
    List<PageQueue.Entry> moved = new ArrayList<>();
    while (inactive.size() + moved.size() < size) {
      PageQueue.Entry entry = active.take();
      if (entry == null) {
        break;
      }
      entry.enclave().states.set(entry.page(), PageStates.INACTIVE);
      moved.add(entry);
    }
    for (PageQueue.Entry entry : moved) {
      inactive.add(entry.enclave(), entry.page());
    }
    moved.removeIf(entry -> !touched(entry));
    moved.sort(BY_PLACE);
    long[] pages = new long[moved.size()];
    int count = 0;
    for (int i = 0; i < moved.size(); i++) {
      PagedEnclave enclave = moved.get(i).enclave();
      pages[count++] = moved.get(i).page();
      if (i + 1 == moved.size() || moved.get(i + 1).enclave() != enclave) {
        enclave.care.withdraw(pages, count);
        count = 0;
      }
    }
  }

  /** Whether a thread inside relies on a page in a way that no fault tells of: its TCS, or its SSA frame. */
  static boolean pinned(PagedEnclave enclave, long page) {
    SecsPage secs = enclave.secs;
    if (EpcmEntry.is(secs.pages().bits(page), PageType.TCS)) {
      @Nullable TcsPage tcs = secs.threads().get(page);
      return tcs != null && tcs.state() != TcsPage.INACTIVE;
    }
    long frame = secs.frame().bytes();
    for (TcsPage tcs : secs.threads().all()) {
      if (tcs.state() != TcsPage.INACTIVE) {
        long offset = page * SystemLeaves.PAGE - tcs.ssa;
        if (offset >= 0 && offset < frame) {
          return true;
        }
      }
    }
    return false;
  }
}
