package org.enclavisor.isa;

import static org.enclavisor.isa.Codec.u64;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

/**
 * RDINFO: what ERDINFO tells of an EPC page (SDM 3D, “RDINFO Structure”).
 *
 * @param childPresent STATUS bit 0, CHLDPRESENT: a SECS has pages
 * @param virtualChildPresent STATUS bit 1, VIRTCHLDPRESENT: a SECS has pages of virtual machines
 * @param page FLAGS bits 15:0, as in SECINFO.FLAGS
 * @param blocked FLAGS bit 63, BLOCKED
 * @param enclaveContext offset 16, ENCLAVECONTEXT: of the enclave's SECS; 0 of pages that belong to none
 */
public record Rdinfo(
    boolean childPresent, boolean virtualChildPresent, Secinfo page, boolean blocked, long enclaveContext) {
  /** Size in bytes. */
  public static final int BYTES = 24;

  /** Alignment that ERDINFO demands of its address, in bytes. */
  public static final int ALIGNMENT = 32;

  /** STATUS bit 0. */
  public static final long CHILD_PRESENT = 1;

  /** STATUS bit 1. */
  public static final long VIRTUAL_CHILD_PRESENT = 1 << 1;

  /** FLAGS bit 63. */
  public static final long BLOCKED = 1L << 63;

  /** The members' places. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(u64("status"), u64("flags"), u64("enclaveContext")).withName("RDINFO");

  private static final Codec CODEC = new Codec("RDINFO", LAYOUT);
  private static final long KNOWN_STATUS = CHILD_PRESENT | VIRTUAL_CHILD_PRESENT;

  /**
   * @throws MalformedStructureException if the size is wrong, a reserved bit is set, or the page type is a reserved one
   */
  public static Rdinfo read(MemorySegment segment) {
    Codec.Reader in = CODEC.read(segment);
    long status = in.u64("status");
    if ((status & ~KNOWN_STATUS) != 0) {
      throw CODEC.malformed("status", "bits 63:2 clear", Codec.hex(status));
    }
    long flags = in.u64("flags");
    return new Rdinfo(
        (status & CHILD_PRESENT) != 0,
        (status & VIRTUAL_CHILD_PRESENT) != 0,
        page(flags & ~BLOCKED),
        (flags & BLOCKED) != 0,
        in.u64("enclaveContext"));
  }

  private static Secinfo page(long flags) {
    try {
      return Secinfo.ofFlags(flags);
    } catch (MalformedStructureException e) {
      throw CODEC.malformed("flags", e.expected(), e.found());
    }
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    CODEC.write(segment)
        .u64("status", (childPresent ? CHILD_PRESENT : 0) | (virtualChildPresent ? VIRTUAL_CHILD_PRESENT : 0))
        .u64("flags", page.flags() | (blocked ? BLOCKED : 0))
        .u64("enclaveContext", enclaveContext);
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    byte[] result = new byte[BYTES];
    write(MemorySegment.ofArray(result));
    return result;
  }
}
