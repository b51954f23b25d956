package org.enclavisor.isa;

import static org.enclavisor.isa.Codec.bytes;
import static org.enclavisor.isa.Codec.reserved;
import static org.enclavisor.isa.Codec.u64;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

/**
 * PCMD: what EWB keeps of an evicted page beside its ciphertext (SDM 3D, “Paging Crypto Metadata (PCMD)”).
 *
 * @param secinfo offset 0, SECINFO
 * @param enclaveId offset 64, ENCLAVEID
 * @param mac offset 112, MAC over the page and what is said of it
 */
public record Pcmd(Secinfo secinfo, long enclaveId, Mac16 mac) {
  /** Size in bytes. */
  public static final int BYTES = 128;

  /** Alignment that the leaves demand of its address, in bytes. */
  public static final int ALIGNMENT = 128;

  /** The members' places. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              Secinfo.LAYOUT.withName("secinfo"), u64("enclaveId"), reserved(1, 40), bytes("mac", 16))
          .withName("PCMD");

  private static final Codec CODEC = new Codec("PCMD", LAYOUT);

  /** Whether {@link #read} would refuse these {@link #BYTES} bytes. For leaves, which have to fault themselves. */
  public static boolean hasReservedBits(MemorySegment segment) {
    return CODEC.hasReservedBits(segment) || Secinfo.hasReservedBits(segment.asSlice(0, Secinfo.BYTES));
  }

  /**
   * @throws MalformedStructureException if the size is wrong, a reserved byte is not zero or the SECINFO is malformed
   */
  public static Pcmd read(MemorySegment segment) {
    Codec.Reader in = CODEC.read(segment);
    return new Pcmd(readSecinfo(in), in.u64("enclaveId"), Mac16.of(in.bytes("mac")));
  }

  private static Secinfo readSecinfo(Codec.Reader in) {
    try {
      return Secinfo.read(in.slice("secinfo"));
    } catch (MalformedStructureException e) {
      throw CODEC.within("secinfo", e);
    }
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    CODEC.write(segment).bytes("secinfo", secinfo.toBytes()).u64("enclaveId", enclaveId).bytes("mac", mac);
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    byte[] result = new byte[BYTES];
    write(MemorySegment.ofArray(result));
    return result;
  }
}
