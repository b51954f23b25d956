package org.enclavisor.isa;

import static org.enclavisor.isa.Codec.U32;
import static org.enclavisor.isa.Codec.u32;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

/**
 * EXITINFO: which exception made an enclave exit (SDM 3D, “EXITINFO”).
 *
 * @param vector bits 7:0, VECTOR
 * @param exitType bits 10:8, EXIT_TYPE: {@link #HARDWARE} or {@link #SOFTWARE}; 0 where not valid
 * @param valid bit 31, VALID: the exit was an exception that an enclave is told of
 */
public record ExitInfo(int vector, int exitType, boolean valid) {
  /** EXIT_TYPE of a hardware exception. */
  public static final int HARDWARE = 3;

  /** EXIT_TYPE of a software exception: #BP. */
  public static final int SOFTWARE = 6;

  /** Size in bytes. */
  public static final int BYTES = 4;

  /** The one member: its bits are the manual's fields. */
  public static final StructLayout LAYOUT = MemoryLayout.structLayout(u32("exitInfo")).withName("EXITINFO");

  /** Of an exit that an enclave is not told of, such as an interrupt. */
  public static final ExitInfo NONE = new ExitInfo(0, 0, false);

  private static final int VALID = 1 << 31;
  private static final int KNOWN = VALID | 0x7ff;

  public ExitInfo {
    if (vector < 0 || vector > 0xff || exitType < 0 || exitType > 7) {
      throw new IllegalArgumentException("vector=" + vector + " exitType=" + exitType);
    }
  }

  /**
   * Of an exception, by the table of vectors that are reported: valid for #DE, #DB, #BP, #BR, #UD, #MF, #AC and #XM
   * always, for #PF and #GP where the enclave selects EXINFO and for #CP where it selects CPINFO.
   */
  public static ExitInfo of(Vector vector, MiscSelect miscSelect) {
    return switch (vector) {
      case DE, DB, BR, UD, MF, AC, XM -> new ExitInfo(vector.number(), HARDWARE, true);
      case BP -> new ExitInfo(vector.number(), SOFTWARE, true);
      case GP, PF -> miscSelect.has(MiscSelect.EXINFO) ? new ExitInfo(vector.number(), HARDWARE, true) : NONE;
      case CP -> miscSelect.has(MiscSelect.CPINFO) ? new ExitInfo(vector.number(), HARDWARE, true) : NONE;
      case NMI, OF, NM, DF, TS, NP, SS, MC, VE, HV, VC, SX -> NONE;
    };
  }

  /** The 32 bits. */
  public int bits() {
    return vector | exitType << 8 | (valid ? VALID : 0);
  }

  /** From the 32 bits; reserved ones are ignored. */
  static ExitInfo lenient(int bits) {
    return new ExitInfo(bits & 0xff, (bits >>> 8) & 7, (bits & VALID) != 0);
  }

  /**
   * @throws MalformedStructureException if the size is wrong or a reserved bit is set
   */
  public static ExitInfo read(MemorySegment segment) {
    if (segment.byteSize() != BYTES) {
      throw new MalformedStructureException("EXITINFO", "size", 0, BYTES + " bytes", segment.byteSize() + " bytes");
    }
    return of(segment.get(U32, 0));
  }

  /**
   * From the 32 bits.
   *
   * @throws MalformedStructureException if a reserved bit is set
   */
  public static ExitInfo of(int bits) {
    if ((bits & ~KNOWN) != 0) {
      throw new MalformedStructureException("EXITINFO", "exitInfo", 0, "bits 30:11 clear", Codec.hex(bits));
    }
    return lenient(bits);
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    segment.set(U32, 0, bits());
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    byte[] result = new byte[BYTES];
    write(MemorySegment.ofArray(result));
    return result;
  }
}
