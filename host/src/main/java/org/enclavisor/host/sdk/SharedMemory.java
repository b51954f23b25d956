package org.enclavisor.host.sdk;

import java.lang.foreign.MemorySegment;
import org.enclavisor.monitor.UntrustedMemory;

/**
 * The memory shared with the enclave, by the addresses that the enclave uses. Addresses come from the enclave and are
 * believed only as far as they fall into this memory.
 */
public final class SharedMemory {
  private final long base;
  private final MemorySegment segment;

  /** Over what the monitor shares. */
  public SharedMemory(UntrustedMemory memory) {
    base = memory.base();
    segment = memory.segment();
  }

  /** The address of the first byte. */
  public long base() {
    return base;
  }

  /** Bytes in all. */
  public long bytes() {
    return segment.byteSize();
  }

  /** Whether all bytes of a range lie in this memory. */
  public boolean contains(long address, long bytes) {
    long offset = address - base;
    return offset >= 0 && bytes >= 0 && offset <= segment.byteSize() && bytes <= segment.byteSize() - offset;
  }

  /**
   * The bytes of a range.
   *
   * @throws MalformedAddressException if they are not all in this memory
   */
  public MemorySegment slice(long address, long bytes, String what) {
    if (!contains(address, bytes)) {
      throw new MalformedAddressException(
          what,
          address,
          "%d bytes in 0x%x–0x%x".formatted(bytes, base, base + segment.byteSize()),
          "0x%x".formatted(address));
    }
    return segment.asSlice(address - base, bytes);
  }

  /** The bytes from an address to the end. */
  public MemorySegment from(long address, String what) {
    slice(address, 0, what);
    return segment.asSlice(address - base);
  }
}
