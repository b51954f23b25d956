package org.enclavisor.host.sdk;

import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Hands out pieces of the shared memory for buffers that live longer than a call or do not fit on a stack: first fit,
 * neighbours joined again when freed. What it knows of its pieces is on the Java side, out of the enclave's reach.
 * Thread-safe.
 */
public final class UntrustedHeap {
  /** Pieces begin at multiples of this. */
  static final int ALIGNMENT = 64;

  private final ReentrantLock lock = new ReentrantLock();
  private final TreeMap<Long, Long> free = new TreeMap<>();
  private final Map<Long, Long> used = new HashMap<>();

  UntrustedHeap(long address, long bytes) {
    if (bytes > 0) {
      free.put(address, bytes);
    }
  }

  /** The pieces that are handed out: their addresses and lengths. */
  Map<Long, Long> pieces() {
    lock.lock();
    try {
      return Map.copyOf(used);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Hands out pieces at addresses that are known.
   *
   * @throws IllegalArgumentException if one of them is not free
   */
  void take(Map<Long, Long> pieces) {
    lock.lock();
    try {
      for (Map.Entry<Long, Long> piece : pieces.entrySet()) {
        long address = piece.getKey();
        long length = piece.getValue();
        Map.Entry<Long, Long> around = free.floorEntry(address);
        long room = around == null ? 0 : around.getValue() - (address - around.getKey());
        if (around == null || address % ALIGNMENT != 0 || length <= 0 || length % ALIGNMENT != 0 || length > room) {
          throw new IllegalArgumentException(
              "piece of %d bytes at 0x%x: expected one that is free".formatted(length, address));
        }
        free.remove(around.getKey());
        if (address > around.getKey()) {
          free.put(around.getKey(), address - around.getKey());
        }
        if (room > length) {
          free.put(address + length, room - length);
        }
        used.put(address, length);
      }
    } finally {
      lock.unlock();
    }
  }

  private static long rounded(long bytes) {
    return Math.ceilDiv(Math.max(bytes, 1), ALIGNMENT) * ALIGNMENT;
  }

  /** The address of that many bytes, whose content is undefined; empty if no piece is large enough. */
  public OptionalLong allocate(long bytes) {
    if (bytes < 0 || bytes > Long.MAX_VALUE - ALIGNMENT) {
      return OptionalLong.empty();
    }
    long wanted = rounded(bytes);
    lock.lock();
    try {
      for (Map.Entry<Long, Long> piece : free.entrySet()) {
        long address = piece.getKey();
        long length = piece.getValue();
        if (length >= wanted) {
          free.remove(address);
          if (length > wanted) {
            free.put(address + wanted, length - wanted);
          }
          used.put(address, wanted);
          return OptionalLong.of(address);
        }
      }
      return OptionalLong.empty();
    } finally {
      lock.unlock();
    }
  }

  /** Takes a piece back. Throws {@link IllegalArgumentException} if the address was not handed out. */
  public void free(long address) {
    lock.lock();
    try {
      Long length = used.remove(address);
      if (length == null) {
        throw new IllegalArgumentException("address=0x%x: expected one that was allocated".formatted(address));
      }
      long start = address;
      long bytes = length;
      Map.Entry<Long, Long> below = free.floorEntry(start);
      if (below != null && below.getKey() + below.getValue() == start) {
        free.remove(below.getKey());
        start = below.getKey();
        bytes += below.getValue();
      }
      Long above = free.remove(address + length);
      if (above != null) {
        bytes += above;
      }
      free.put(start, bytes);
    } finally {
      lock.unlock();
    }
  }

  /** Bytes that are handed out, with rounding. */
  public long usedBytes() {
    lock.lock();
    try {
      return used.values().stream().mapToLong(Long::longValue).sum();
    } finally {
      lock.unlock();
    }
  }
}
