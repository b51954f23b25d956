package org.enclavisor.isa;

import static org.enclavisor.isa.Codec.reserved;
import static org.enclavisor.isa.Codec.u32;
import static org.enclavisor.isa.Codec.u64;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

/**
 * EXINFO: address and error code of a #PF or #GP, in the MISC region of an SSA frame (SDM 3D, “EXINFO Structure”).
 *
 * @param maddr offset 0, MADDR: linear address of a page fault, else 0
 * @param errcd offset 8, ERRCD: the error code
 */
public record ExInfo(long maddr, int errcd) {
  /** Size in bytes. */
  public static final int BYTES = 16;

  /** The members' places. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(u64("maddr"), u32("errcd"), reserved(1, 4)).withName("EXINFO");

  private static final Codec CODEC = new Codec("EXINFO", LAYOUT);

  /**
   * @throws MalformedStructureException if the size is wrong or a reserved byte is not zero
   */
  public static ExInfo read(MemorySegment segment) {
    Codec.Reader in = CODEC.read(segment);
    return new ExInfo(in.u64("maddr"), in.u32("errcd"));
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    CODEC.write(segment).u64("maddr", maddr).u32("errcd", errcd);
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    byte[] result = new byte[BYTES];
    write(MemorySegment.ofArray(result));
    return result;
  }
}
