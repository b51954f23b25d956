package org.enclavisor.monitor.epc;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A version array page: 512 slots of 8 bytes, each 0 or the version of an evicted page (SDM 3D, “Version Array (VA)”).
 * Thread-safe.
 */
public final class VersionArray {
  /** Slots of a page. */
  public static final int SLOTS = 512;

  private static final ValueLayout.OfLong SLOT = ValueLayout.JAVA_LONG_UNALIGNED;

  private final AtomicLongArray slots = new AtomicLongArray(SLOTS);

  /** A slot's content: a version, or 0. */
  public long get(int slot) {
    return slots.get(slot);
  }

  /** Puts a version or 0 into a slot and returns what was there. */
  public long exchange(int slot, long version) {
    return slots.getAndSet(slot, version);
  }

  /** Clears a slot if it holds this version; false if it does not. */
  public boolean clear(int slot, long version) {
    return slots.compareAndSet(slot, version, 0);
  }

  /** Of the 4096 bytes that {@link #write} gave. */
  public static VersionArray read(MemorySegment bytes) {
    VersionArray result = new VersionArray();
    for (int slot = 0; slot < SLOTS; slot++) {
      result.slots.setPlain(slot, bytes.getAtIndex(SLOT, slot));
    }
    return result;
  }

  /** Writes 4096 bytes. Callers have the page exclusively. */
  public void write(MemorySegment bytes) {
    for (int slot = 0; slot < SLOTS; slot++) {
      bytes.setAtIndex(SLOT, slot, slots.get(slot));
    }
  }
}
