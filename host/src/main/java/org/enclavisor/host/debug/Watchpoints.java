package org.enclavisor.host.debug;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;

/**
 * Memory that stops the program when it changes. It is looked at after every instruction, so a thread goes step by step
 * while there are any. Guarded by the target's lock.
 */
final class Watchpoints {
  /** More is refused: every step reads all of them. */
  private static final int MOST = 16;

  /** A longer one is refused. */
  private static final int LONGEST = 64;

  private record Piece(long address, int length) {}

  private final EnclaveMemoryAccess memory;
  private final Map<Piece, byte[]> known = new LinkedHashMap<>();

  Watchpoints(EnclaveMemoryAccess memory) {
    this.memory = memory;
  }

  /** Watches a piece of memory, once. Returns whether that is possible. */
  boolean insert(long address, int length) {
    byte[] now = new byte[Math.clamp(length, 1, LONGEST)];
    if (length != now.length || known.size() == MOST || memory.read(address, now) != length) {
      return false;
    }
    known.put(new Piece(address, length), now);
    return true;
  }

  /** Watches it no more. Returns whether it was watched. */
  boolean remove(long address, int length) {
    return known.remove(new Piece(address, length)) != null;
  }

  void clear() {
    known.clear();
  }

  boolean isEmpty() {
    return known.isEmpty();
  }

  /** The address of a piece that has changed since this was asked last; empty if none has. */
  OptionalLong changed() {
    OptionalLong found = OptionalLong.empty();
    for (Map.Entry<Piece, byte[]> each : known.entrySet()) {
      byte[] now = new byte[each.getKey().length()];
      if (memory.read(each.getKey().address(), now) == now.length && !Arrays.equals(now, each.getValue())) {
        each.setValue(now);
        found = OptionalLong.of(each.getKey().address());
      }
    }
    return found;
  }
}
