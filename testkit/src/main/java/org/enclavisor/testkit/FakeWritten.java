package org.enclavisor.testkit;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.jspecify.annotations.Nullable;

/**
 * Which pages of a fake enclave were written since a mark: what enclave code writes is noted, and what the monitor
 * writes past everybody is seen by comparing with what the pages held at the mark. {@link #note} may be called by any
 * thread, the others by one at a time.
 */
final class FakeWritten {
  private static final int PAGE = AddressSpaceLayout.PAGE;
  private static final byte[] ZEROES = new byte[PAGE];

  /** Pages that were not zero at the mark. */
  private final Map<Integer, byte[]> atMark = new HashMap<>();

  private volatile @Nullable BitSet noted;

  /** A page is about to be written, or has just been. */
  void note(long offset) {
    if (noted != null) {
      synchronized (this) {
        noted.set((int) (offset / PAGE));
      }
    }
  }

  /** First a new set, so that what is noted from now on is in it; then each page is looked at once. */
  BitSet mark(MemorySegment enclave) {
    BitSet before;
    synchronized (this) {
      before = noted;
      noted = new BitSet();
    }
    BitSet result = new BitSet();
    for (long offset = 0; offset < enclave.byteSize(); offset += PAGE) {
      int page = (int) (offset / PAGE);
      byte[] now = bytes(enclave, offset);
      if (!Arrays.equals(now, atMark.getOrDefault(page, ZEROES))) {
        result.set(page);
      }
      if (Arrays.equals(now, ZEROES)) {
        atMark.remove(page);
      } else {
        atMark.put(page, now);
      }
    }
    if (before == null) {
      return new BitSet();
    }
    result.or(before);
    return result;
  }

  BitSet since(MemorySegment enclave) {
    BitSet result;
    synchronized (this) {
      if (noted == null) {
        throw new IllegalStateException("no mark was set");
      }
      result = (BitSet) noted.clone();
    }
    for (long offset = 0; offset < enclave.byteSize(); offset += PAGE) {
      int page = (int) (offset / PAGE);
      if (!result.get(page) && !Arrays.equals(bytes(enclave, offset), atMark.getOrDefault(page, ZEROES))) {
        result.set(page);
      }
    }
    return result;
  }

  private static byte[] bytes(MemorySegment enclave, long offset) {
    return enclave.asSlice(offset, PAGE).toArray(ValueLayout.JAVA_BYTE);
  }
}
