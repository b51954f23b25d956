package org.enclavisor.monitor.epc;

import java.lang.foreign.MemorySegment;

/**
 * The memory object behind an enclave's regular pages, at linear address − base. It is shared with the running
 * enclave: whatever is checked must first be copied.
 *
 * @param base linear address of the first byte
 * @param segment the bytes, sparse: a page that is neither read nor written costs nothing
 * @param filler the cheapest way of putting pages there
 */
public record EnclaveMemory(long base, MemorySegment segment, Filler filler) {

  /** Copies whole pages to an offset from the base. */
  @FunctionalInterface
  public interface Filler {
    void fill(long offset, MemorySegment pages);
  }

  /** Memory that is filled by writing to it. */
  public EnclaveMemory(long base, MemorySegment segment) {
    this(base, segment, (offset, pages) -> MemorySegment.copy(pages, 0, segment, offset, pages.byteSize()));
  }
}
