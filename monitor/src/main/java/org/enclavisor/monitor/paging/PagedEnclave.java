package org.enclavisor.monitor.paging;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.epc.SecsPage;
import org.jspecify.annotations.Nullable;

/**
 * An enclave whose pages the pager cares for. Mutable parts under the pager's lock.
 *
 * <p>The slot of an evicted page is a number, version array × 512 + slot in it.
 */
public final class PagedEnclave {

  /** What the pager needs of the monitor for it. */
  public interface Care {
    /** Takes the machine's access to pages away until it is needed again. In ascending order. */
    void withdraw(long[] pages, int count);

    /** The machine has failed over it: it is to run no more. */
    void broken(String reason);

    /** Whether it will run no more. */
    boolean dead();
  }

  final EnclaveId id;
  final SecsPage secs;
  final Care care;
  final PageStates states;

  /** Pages that the budget has for it whatever others do, so that its threads get on. */
  final long guaranteed;

  /** Its version arrays by number. */
  final List<VersionPage> versions = new ArrayList<>();

  /** Those that hold the versions of evicted version arrays; they are not evicted themselves. */
  final List<VersionPage> roots = new ArrayList<>();

  /** Pages of its ELRANGE in the EPC. */
  long resident;

  private boolean gone;

  PagedEnclave(EnclaveId id, SecsPage secs, Care care, long guaranteed) {
    this.id = id;
    this.secs = secs;
    this.care = care;
    this.guaranteed = guaranteed;
    this.states = new PageStates(secs.pages().pages());
  }

  boolean gone() {
    return gone;
  }

  void leave() {
    gone = true;
  }

  VersionPage versions(int slot) {
    return versions.get(slot / VersionPage.SLOTS);
  }

  /** A version array in the EPC with a free slot; null if there is none. */
  @Nullable VersionPage roomy() {
    for (VersionPage page : versions) {
      if (page.resident() && page.free() > 0) {
        return page;
      }
    }
    return null;
  }

  /** How many slots of version arrays in the EPC are free. */
  int freeSlots() {
    int free = 0;
    for (VersionPage page : versions) {
      free += page.resident() ? page.free() : 0;
    }
    return free;
  }

  /** How many of its version arrays are in the EPC, of both levels. */
  int residentVersions() {
    int count = roots.size();
    for (VersionPage page : versions) {
      count += page.resident() ? 1 : 0;
    }
    return count;
  }
}
