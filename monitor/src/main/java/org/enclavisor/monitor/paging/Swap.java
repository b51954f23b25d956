package org.enclavisor.monitor.paging;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.spi.SwapStore;

/**
 * EWB into the swap store and ELDU from it, with the version arrays for both.
 *
 * <p>The store is divided into extents of 513 records: 512 for the pages whose versions are in one version array, one
 * for that array. Under the pager's lock.
 */
final class Swap implements AutoCloseable {
  /** Pages that are written at once. */
  static final int BATCH = 64;

  private static final int SLOTS = VersionPage.SLOTS;
  private static final int RECORDS = SLOTS + 1;

  /** How often a leaf is tried that finds its page in use by another. */
  private static final int TRIES = 1000;

  private final Epc epc;
  private final SystemLeaves leaves;
  private final SwapStore store;
  private final EpcBudget budget;
  private final ArrayDeque<Integer> freeExtents = new ArrayDeque<>();
  private int extents;
  private long clock;

  private final byte[] records = new byte[BATCH * SwapStore.RECORD];
  private final byte[] single = new byte[SwapStore.RECORD];
  private final int[] slots = new int[BATCH];
  private final long[] written = new long[BATCH];

  Swap(Epc epc, SystemLeaves leaves, SwapStore store, EpcBudget budget) {
    this.epc = epc;
    this.leaves = leaves;
    this.store = store;
    this.budget = budget;
  }

  /**
   * Evicts blocked and tracked pages, for which there are slots.
   *
   * @param residents is told of each that has gone, or has to stay blocked
   * @return how many have gone
   * @throws PagingException if the store fails; pages that it did not take are in the EPC again
   */
  int out(PagedEnclave enclave, List<Long> pages, Residents residents) {
    int count = 0;
    boolean patient = true;
    for (long page : pages) {
      VersionPage versions = Objects.requireNonNull(enclave.roomy(), "more pages than slots were prepared for");
      versions.lastUse = ++clock;
      int slot = versions.take();
      MemorySegment record = MemorySegment.ofArray(records).asSlice((long) count * SwapStore.RECORD, SwapStore.RECORD);
      long address = versions.address(slot);
      Outcome outcome = leaves.ewb(SystemLeaves.address(enclave.secs, page), address, record);
      if (patient && untracked(outcome)) {
        // Whom one page waits for in vain, the others need not wait for.
        patient = Shootdown.complete(enclave.secs, enclave.secs.pages().epoch(page));
        outcome = leaves.ewb(SystemLeaves.address(enclave.secs, page), address, record);
      }
      if (outcome.ok()) {
        slots[count] = versions.number * SLOTS + slot;
        written[count++] = page;
        residents.went(enclave, page, PageStates.evictedTo(versions.number * SLOTS + slot));
        budget.give(1);
      } else {
        versions.free(slot);
        residents.block(enclave, page);
      }
    }
    store(enclave, count, residents);
    enclave.secs.translations().reclaim();
    return count;
  }

  private static boolean untracked(Outcome outcome) {
    return outcome instanceof Outcome.Error(SgxError error, boolean _, String _) && error == SgxError.SGX_NOT_TRACKED;
  }

  /** Writes what EWB has made, runs of neighbours at once. */
  private void store(PagedEnclave enclave, int count, Residents residents) {
    int from = 0;
    while (from < count) {
      int to = from + 1;
      while (to < count && record(enclave, slots[to]) == record(enclave, slots[from]) + (to - from)) {
        to++;
      }
      try {
        byte[] run = records;
        if (from > 0) {
          run = Arrays.copyOfRange(records, from * SwapStore.RECORD, to * SwapStore.RECORD);
        }
        store.write(record(enclave, slots[from]), run, to - from);
      } catch (IOException e) {
        for (int i = from; i < count; i++) {
          takeBack(enclave, i, residents);
        }
        throw new PagingException("the swap store does not take evicted pages: " + e.getMessage(), e);
      }
      from = to;
    }
  }

  /** A page that the store did not take goes back to where it was. */
  private void takeBack(PagedEnclave enclave, int index, Residents residents) {
    MemorySegment record =
        MemorySegment.ofArray(records).asSlice((long) index * SwapStore.RECORD, SwapStore.RECORD);
    restore(enclave, written[index], slots[index], record);
    budget.take(1);
    residents.came(enclave, written[index]);
  }

  /**
   * Brings an evicted page back. The caller has made room, and its version array is in the EPC.
   *
   * @throws PagingException if the store fails; the page is still there
   * @throws LostPageException if it is not what went out
   */
  void in(PagedEnclave enclave, long page, int slot) {
    read(record(enclave, slot), single);
    restore(enclave, page, slot, MemorySegment.ofArray(single));
    budget.take(1);
  }

  private void restore(PagedEnclave enclave, long page, int slot, MemorySegment record) {
    VersionPage versions = enclave.versions(slot);
    versions.lastUse = ++clock;
    long address = versions.address(slot % SLOTS);
    Outcome outcome = leaves.eldu(enclave.secs, page, address, record);
    for (int tries = 1; outcome instanceof Outcome.Fault && tries < TRIES; tries++) {
      Thread.onSpinWait();
      outcome = leaves.eldu(enclave.secs, page, address, record);
    }
    if (!outcome.ok()) {
      throw new LostPageException(
          "the page at 0x%x did not come back from the swap store as it went: %s"
              .formatted(enclave.secs.base() + page * SystemLeaves.PAGE, outcome));
    }
    versions.free(slot % SLOTS);
  }

  private void read(long number, byte[] record) {
    try {
      store.read(number, record);
    } catch (IOException e) {
      throw new PagingException("the swap store does not give a page back: " + e.getMessage(), e);
    }
  }

  private static long record(PagedEnclave enclave, int slot) {
    return (long) enclave.versions(slot).extent * RECORDS + slot % SLOTS;
  }

  // ---- version arrays

  /**
   * Sees to it that there are slots in the EPC for so many pages, as far as there are pages for version arrays.
   *
   * @return for how many there are, at most {@link #BATCH}
   * @throws PagingException if there are none because the store is full
   */
  int prepare(PagedEnclave enclave, int pages) {
    int wanted = Math.min(pages, BATCH);
    int free = enclave.freeSlots();
    while (free < wanted && budget.hasPage()) {
      OptionalInt extent = takeExtent();
      if (extent.isEmpty()) {
        if (free == 0) {
          throw new PagingException("the swap store is full: it has room for %d pages".formatted(store.capacity()));
        }
        return free;
      }
      enclave.versions.add(new VersionPage(enclave.versions.size(), extent.getAsInt(), newVersions()));
      free += SLOTS;
    }
    return Math.min(free, wanted);
  }

  private OptionalInt takeExtent() {
    Integer extent = freeExtents.poll();
    if (extent != null) {
      return OptionalInt.of(extent);
    }
    return (extents + 1L) * RECORDS > store.capacity() ? OptionalInt.empty() : OptionalInt.of(extents++);
  }

  private LooseFrame newVersions() {
    LooseFrame frame = epc.reserve();
    Outcome outcome = leaves.epa(frame.address());
    if (!outcome.ok()) {
      epc.release(frame);
      throw new PagingException("EPA: " + outcome);
    }
    budget.take(1);
    return frame;
  }

  /** How many EPC pages bringing back what is in a slot takes. */
  int pagesFor(PagedEnclave enclave, int slot) {
    VersionPage versions = enclave.versions(slot);
    versions.lastUse = ++clock;
    return versions.resident() ? 1 : 2;
  }

  /** Brings back the version array of a slot, if it is evicted. The caller has made room. */
  void versionsIn(PagedEnclave enclave, int slot) {
    VersionPage versions = enclave.versions(slot);
    if (versions.resident()) {
      return;
    }
    VersionPage root = enclave.roots.get(versions.number / SLOTS);
    read((long) versions.extent * RECORDS + SLOTS, single);
    LooseFrame frame = epc.reserve();
    Outcome outcome =
        leaves.elduVersions(frame.address(), root.address(versions.number % SLOTS), MemorySegment.ofArray(single));
    if (!outcome.ok()) {
      epc.release(frame);
      throw new LostPageException("a version array did not come back from the swap store as it went: " + outcome);
    }
    root.free(versions.number % SLOTS);
    versions.moved(frame);
    budget.take(1);
  }

  /** Evicts the version array, of enclaves that have more than one, that was not needed for the longest time. */
  boolean versionsOut(List<PagedEnclave> enclaves) {
    PagedEnclave owner = null;
    VersionPage oldest = null;
    for (PagedEnclave enclave : enclaves) {
      if (enclave.residentVersions() - enclave.roots.size() > 1) {
        for (VersionPage page : enclave.versions) {
          if (page.resident() && (oldest == null || page.lastUse < oldest.lastUse)) {
            owner = enclave;
            oldest = page;
          }
        }
      }
    }
    return owner != null && oldest != null && versionsOut(owner, oldest);
  }

  private boolean versionsOut(PagedEnclave enclave, VersionPage versions) {
    LooseFrame frame = versions.frame();
    int number = versions.number / SLOTS;
    if (frame == null || number == enclave.roots.size() && !budget.hasPage()) {
      return false;
    }
    if (number == enclave.roots.size()) {
      enclave.roots.add(new VersionPage(number, -1, newVersions()));
    }
    VersionPage root = enclave.roots.get(number);
    int slot = versions.number % SLOTS;
    MemorySegment record = MemorySegment.ofArray(single);
    if (!leaves.ewb(frame.address(), root.address(slot), record).ok()) {
      return false;
    }
    root.take(slot);
    versions.moved(null);
    epc.release(frame);
    budget.give(1);
    try {
      store.write((long) versions.extent * RECORDS + SLOTS, single, 1);
    } catch (IOException e) {
      LooseFrame back = epc.reserve();
      Outcome outcome = leaves.elduVersions(back.address(), root.address(slot), record);
      if (!outcome.ok()) {
        throw new IllegalStateException("a version array was not taken back: " + outcome);
      }
      root.free(slot);
      versions.moved(back);
      budget.take(1);
      throw new PagingException("the swap store does not take a version array: " + e.getMessage(), e);
    }
    return true;
  }

  /** How many version arrays these enclaves have in the EPC. */
  static long residentVersions(List<PagedEnclave> enclaves) {
    long count = 0;
    for (PagedEnclave enclave : enclaves) {
      count += enclave.residentVersions();
    }
    return count;
  }

  /** An enclave has gone: its version arrays too, and what they told of. */
  void forget(PagedEnclave enclave) {
    for (VersionPage page : enclave.versions) {
      freeExtents.add(page.extent);
      drop(page);
    }
    enclave.roots.forEach(this::drop);
    enclave.versions.clear();
    enclave.roots.clear();
  }

  private void drop(VersionPage page) {
    LooseFrame frame = page.frame();
    if (frame != null) {
      leaves.eremove(frame.address());
      epc.release(frame);
      page.moved(null);
      budget.give(1);
    }
  }

  @Override
  public void close() {
    store.close();
  }
}
