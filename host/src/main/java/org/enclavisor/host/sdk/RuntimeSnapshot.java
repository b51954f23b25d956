package org.enclavisor.host.sdk;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.host.sdk.RuntimeState.HostThread;
import org.enclavisor.host.sdk.RuntimeState.Piece;

/** Between a runtime whose threads all wait, and its state as a value. */
final class RuntimeSnapshot {
  /** What an enclave may have below its stack pointer, and then some: OCALL frames under construction. */
  private static final long BELOW = 4096;

  private RuntimeSnapshot() {}

  static RuntimeState of(SharedMemory memory, UntrustedHeap heap, TcsPool pool) {
    List<TcsSlot> slots = pool.all();
    if (pool.isMaking()) {
      throw new WrongUseException("snapshot: expected no TCS that is being made, found one");
    }
    var pieces = new ArrayList<Piece>();
    var threads = new ArrayList<HostThread>();
    for (TcsSlot slot : slots) {
      if (slot.depth() > 0 && (slot.isServing() || slot.depth() > 1 || slot.record() == null)) {
        throw new WrongUseException(
            "snapshot: expected no OCALL under way, whose handler is Java's, found one on the TCS at 0x%x"
                .formatted(slot.address()));
      }
      CallRecord call = slot.depth() == 0 ? null : slot.record();
      CallPosition position = slot.depth() == 0 ? null : slot.position();
      if (position != null) {
        long lowest = Math.max(slot.stackLow(), position.lowest() - BELOW);
        pieces.add(piece(memory, lowest, slot.stackLow() + slot.stackBytes() - lowest));
      }
      threads.add(
          new HostThread(slot.address(), slot.event().availablePermits(), slot.isBroken(), pool.isMade(slot), call,
              position));
    }
    Map<Long, Long> used = heap.pieces();
    used.forEach((address, bytes) -> pieces.add(piece(memory, address, bytes)));
    long stackBytes = slots.isEmpty() ? 0 : slots.getFirst().stackBytes();
    return new RuntimeState(memory.base(), memory.bytes(), stackBytes, pieces, used, threads);
  }

  private static Piece piece(SharedMemory memory, long address, long bytes) {
    return new Piece(address, memory.slice(address, bytes, "snapshot").toArray(ValueLayout.JAVA_BYTE));
  }

  static void restore(RuntimeState state, SharedMemory memory, UntrustedHeap heap, TcsPool pool) {
    List<TcsSlot> slots = pool.all();
    long stackBytes = slots.isEmpty() ? 0 : slots.getFirst().stackBytes();
    boolean same =
        state.untrustedBase() == memory.base()
            && state.untrustedBytes() == memory.bytes()
            && state.stackBytes() == stackBytes
            && state.threads().stream().map(HostThread::tcs).toList().equals(
                slots.stream().map(TcsSlot::address).toList());
    if (!same) {
      throw new WrongUseException(
          "snapshot: expected that of a host with the same threads and as many bytes of stack and heap, found another");
    }
    for (Piece piece : state.memory()) {
      memory.slice(piece.address(), piece.bytes().length, "snapshot").copyFrom(MemorySegment.ofArray(piece.bytes()));
    }
    try {
      heap.take(state.heap());
    } catch (IllegalArgumentException e) {
      throw new WrongUseException("snapshot: " + e.getMessage());
    }
    for (HostThread thread : state.threads()) {
      CallRecord call = thread.call();
      CallPosition position = thread.position();
      boolean busy = call != null && position != null;
      if (thread.made()) {
        pool.at(thread.tcs()).ifPresent(pool::made);
      }
      if (busy || thread.broken()) {
        TcsSlot slot = pool.take(thread.tcs()).orElseThrow();
        if (thread.broken()) {
          slot.breakDown();
        }
        if (busy) {
          slot.adopt(call, position);
        }
      }
      int events = thread.events();
      pool.at(thread.tcs()).ifPresent(slot -> slot.event().release(Math.max(0, events)));
    }
  }
}
