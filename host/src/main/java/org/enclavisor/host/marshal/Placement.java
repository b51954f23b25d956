package org.enclavisor.host.marshal;

import java.lang.foreign.MemorySegment;

/** Where what a structure's member points to goes: new memory for an ECALL, what is there already for an OCALL. */
@FunctionalInterface
interface Placement {

  /**
   * The address for the bytes of one member.
   *
   * @param member the member itself, in the structure that is being written; it still holds what was there before
   */
  Target place(MemorySegment member, long bytes, String what);

  /** An address and its bytes. */
  record Target(long address, MemorySegment bytes) {}
}
