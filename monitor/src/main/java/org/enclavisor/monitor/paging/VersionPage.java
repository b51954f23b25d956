package org.enclavisor.monitor.paging;

import java.util.BitSet;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.VersionArray;
import org.jspecify.annotations.Nullable;

/** A version array page as the pager knows it: which slots are taken, and where the page is. Under the pager's lock. */
final class VersionPage {
  static final int SLOTS = VersionArray.SLOTS;
  private static final int SLOT_BYTES = 8;

  /** Its place among those of its enclave. */
  final int number;

  /** Where in the swap store the pages lie whose versions it holds: so many extents from the start. */
  final int extent;

  private final BitSet taken = new BitSet(SLOTS);
  private @Nullable LooseFrame frame;

  /** When it was last needed, by the pager's clock. */
  long lastUse;

  VersionPage(int number, int extent, LooseFrame frame) {
    this.number = number;
    this.extent = extent;
    this.frame = frame;
  }

  /** Where it lies in the EPC; null while it is evicted itself. */
  @Nullable LooseFrame frame() {
    return frame;
  }

  boolean resident() {
    return frame != null;
  }

  void moved(@Nullable LooseFrame to) {
    frame = to;
  }

  /** The EPC address of a slot of a resident page. */
  long address(int slot) {
    LooseFrame now = frame;
    if (now == null) {
      throw new IllegalStateException("version array " + number + " is evicted");
    }
    return now.address() + (long) slot * SLOT_BYTES;
  }

  /** Takes the first free slot; −1 if all are taken. */
  int take() {
    int slot = taken.nextClearBit(0);
    if (slot == SLOTS) {
      return -1;
    }
    taken.set(slot);
    return slot;
  }

  /** Takes a certain slot. */
  void take(int slot) {
    taken.set(slot);
  }

  void free(int slot) {
    taken.clear(slot);
  }

  int free() {
    return SLOTS - taken.cardinality();
  }
}
