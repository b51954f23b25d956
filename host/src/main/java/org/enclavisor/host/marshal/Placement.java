package org.enclavisor.host.marshal;

/** Where what a structure's member points to goes: new memory for an ECALL, what is there already for an OCALL. */
@FunctionalInterface
interface Placement {

  /**
   * The address for the bytes of one member.
   *
   * @param offset of the member in its structure, which is the one being written
   */
  Target place(long offset, long bytes, String what);

  /** An address and its bytes. */
  record Target(long address, java.lang.foreign.MemorySegment bytes) {}
}
