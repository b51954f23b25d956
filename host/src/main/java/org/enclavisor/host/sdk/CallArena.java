package org.enclavisor.host.sdk;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * The shared memory of one ECALL: small pieces on the thread's untrusted stack, as a C caller's locals would be, large
 * ones from the heap. Confined to the calling thread; {@link #close} gives everything back.
 */
public final class CallArena implements AutoCloseable {
  /** Larger pieces come from the heap. */
  private static final long LARGEST_ON_STACK = 16 << 10;

  private final SharedMemory memory;
  private final UntrustedHeap heap;
  private final long stackLimit;
  private final List<Long> pieces = new ArrayList<>(2);
  private long stackPointer;

  CallArena(SharedMemory memory, UntrustedHeap heap, TcsSlot slot) {
    this.memory = memory;
    this.heap = heap;
    stackPointer = slot.stackPointer();
    stackLimit = slot.stackLow() + slot.stackBytes() / 2;
  }

  /** Takes over what an arena elsewhere had allocated from the heap. */
  public void adopt(List<Long> theirs) {
    pieces.addAll(theirs);
  }

  /** What was allocated from the heap. */
  public List<Long> pieces() {
    return List.copyOf(pieces);
  }

  /** The memory it allocates from. */
  public SharedMemory memory() {
    return memory;
  }

  /** Below everything that was allocated on the stack; a multiple of 16. */
  public long stackPointer() {
    return stackPointer;
  }

  /**
   * The address of that many zero bytes, aligned to 16.
   *
   * @throws OutOfSharedMemoryException if there are not so many
   */
  public long allocate(long bytes) {
    long address;
    if (bytes <= LARGEST_ON_STACK && stackPointer - bytes >= stackLimit) {
      stackPointer = stackPointer - bytes & -16;
      address = stackPointer;
    } else {
      OptionalLong piece = heap.allocate(bytes);
      address = piece.orElseThrow(() -> new OutOfSharedMemoryException(bytes, heap.usedBytes()));
      pieces.add(address);
    }
    slice(address, bytes).fill((byte) 0);
    return address;
  }

  /** The bytes at an address. */
  public MemorySegment slice(long address, long bytes) {
    return memory.slice(address, bytes, "arena");
  }

  @Override
  public void close() {
    pieces.forEach(heap::free);
    pieces.clear();
  }

  /** The memory shared with the enclave is too small for a call. */
  public static final class OutOfSharedMemoryException extends RuntimeException {
    private static final long serialVersionUID = 1;

    OutOfSharedMemoryException(long wanted, long used) {
      super(
          "shared memory: expected room for %d bytes, found too little beside %d bytes in use; raise heapBytes in the"
              .formatted(wanted, used)
              + " host configuration");
    }
  }
}
