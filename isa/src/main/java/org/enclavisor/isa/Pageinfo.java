package org.enclavisor.isa;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static org.enclavisor.isa.Codec.U64;
import static org.enclavisor.isa.Codec.u64;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

/**
 * PAGEINFO: the addresses that leaves about pages work with (SDM 3D, “Page Information (PAGEINFO)”).
 *
 * @param linAddr offset 0, LINADDR: enclave linear address
 * @param srcPge offset 8, SRCPGE: address of the source page
 * @param secinfo offset 16, SECINFO or PCMD: address of that structure
 * @param secs offset 24, SECS: address of the EPC page that holds the SECS
 */
public record Pageinfo(long linAddr, long srcPge, long secinfo, long secs) {
  /** Size in bytes. */
  public static final int BYTES = 32;

  /** Alignment that the leaves demand of its address, in bytes. */
  public static final int ALIGNMENT = 32;

  /** The members' places. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(u64("linAddr"), u64("srcPge"), u64("secinfo"), u64("secs")).withName("PAGEINFO");

  private static final Codec CODEC = new Codec("PAGEINFO", LAYOUT);

  // By offset, not by name: leaves are short, and this is in most of them.
  private static final long LINADDR = offset("linAddr");
  private static final long SRCPGE = offset("srcPge");
  private static final long SECINFO = offset("secinfo");
  private static final long SECS = offset("secs");

  private static long offset(String member) {
    return LAYOUT.byteOffset(groupElement(member));
  }

  /**
   * Reads each member once.
   *
   * @throws MalformedStructureException if the size is wrong
   */
  public static Pageinfo read(MemorySegment segment) {
    CODEC.requireSize(segment);
    return new Pageinfo(
        segment.get(U64, LINADDR), segment.get(U64, SRCPGE), segment.get(U64, SECINFO), segment.get(U64, SECS));
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    CODEC.write(segment).u64("linAddr", linAddr).u64("srcPge", srcPge).u64("secinfo", secinfo).u64("secs", secs);
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    byte[] result = new byte[BYTES];
    write(MemorySegment.ofArray(result));
    return result;
  }
}
