package org.enclavisor.isa;

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

  /**
   * @throws MalformedStructureException if the size is wrong
   */
  public static Pageinfo read(MemorySegment segment) {
    Codec.Reader in = CODEC.read(segment);
    return new Pageinfo(in.u64("linAddr"), in.u64("srcPge"), in.u64("secinfo"), in.u64("secs"));
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
