package org.enclavisor.monitor;

import java.lang.foreign.MemorySegment;
import org.enclavisor.monitor.leaf.Operands;

/**
 * The linear memory, outside the EPC, in which ENCLS and ENCLV leaves find their operands and leave results: segments at
 * addresses of the caller's choice. What is not mapped page-faults. Confined to one thread.
 */
public final class LinearMemory {
  private final Operands operands = new Operands();

  /** Maps a segment. A read-only one page-faults when a leaf writes. */
  public LinearMemory map(long address, MemorySegment segment) {
    operands.map(address, segment);
    return this;
  }

  Operands operands() {
    return operands;
  }
}
