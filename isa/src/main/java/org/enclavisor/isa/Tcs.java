package org.enclavisor.isa;

import static org.enclavisor.isa.Codec.U64;
import static org.enclavisor.isa.Codec.reserved;
import static org.enclavisor.isa.Codec.u32;
import static org.enclavisor.isa.Codec.u64;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

/**
 * TCS: where a thread enters an enclave and where its state goes (SDM 3D, “Thread Control Structure (TCS)”).
 *
 * @param state offset 0, STATE (older editions: STAGE): 0 free to be entered, 1 entered
 * @param flags offset 8, FLAGS: {@link #DBGOPTIN}, {@link #AEXNOTIFY}
 * @param ossa offset 16, OSSA: of the SSA stack from the base, in bytes
 * @param cssa offset 24, CSSA: the SSA frame that the next exit will use, unsigned
 * @param nssa offset 28, NSSA: number of SSA frames, unsigned
 * @param oentry offset 32, OENTRY: of the entry point from the base, in bytes
 * @param aep offset 40, AEP: linear address to which asynchronous exits go
 * @param ofsBasgx offset 48, OFSBASGX: of FS from the enclave's base, in bytes
 * @param ogsBasgx offset 56, OGSBASGX: of GS from the enclave's base, in bytes
 * @param fsLimit offset 64, FSLIMIT: in 32-bit mode
 * @param gsLimit offset 68, GSLIMIT: in 32-bit mode
 * @param ocetSsa offset 72, OCETSSA: of the CET state save area from the base, in bytes
 * @param prevSsp offset 80, PREVSSP: where the shadow stack continues
 */
public record Tcs(
    long state,
    long flags,
    long ossa,
    int cssa,
    int nssa,
    long oentry,
    long aep,
    long ofsBasgx,
    long ogsBasgx,
    int fsLimit,
    int gsLimit,
    long ocetSsa,
    long prevSsp) {

  /** FLAGS bit 0, DBGOPTIN: breakpoints and single steps inside are the debugger's. */
  public static final long DBGOPTIN = 1;

  /** FLAGS bit 1, AEXNOTIFY: the thread may ask to be told of asynchronous exits. */
  public static final long AEXNOTIFY = 1 << 1;

  /** Size in bytes: one page. */
  public static final int BYTES = 4096;

  /** The members' places. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              u64("state"),
              u64("flags"),
              u64("ossa"),
              u32("cssa"),
              u32("nssa"),
              u64("oentry"),
              u64("aep"),
              u64("ofsBasgx"),
              u64("ogsBasgx"),
              u32("fsLimit"),
              u32("gsLimit"),
              u64("ocetSsa"),
              u64("prevSsp"),
              reserved(1, 4008))
          .withName("TCS");

  /** Offset of STATE. */
  public static final long STATE_OFFSET = 0;

  /** Offset of FLAGS. */
  public static final long FLAGS_OFFSET = 8;

  /** Offset of OSSA. */
  public static final long OSSA_OFFSET = 16;

  /** Offset of CSSA. */
  public static final long CSSA_OFFSET = 24;

  /** Offset of NSSA. */
  public static final long NSSA_OFFSET = 28;

  /** Offset of FSLIMIT. */
  public static final long FSLIMIT_OFFSET = 64;

  /** Offset of GSLIMIT. */
  public static final long GSLIMIT_OFFSET = 68;

  /** Offset of AEP. */
  public static final long AEP_OFFSET = 40;

  private static final Codec CODEC = new Codec("TCS", LAYOUT);
  private static final long KNOWN_FLAGS = DBGOPTIN | AEXNOTIFY;

  public Tcs {
    if ((flags & ~KNOWN_FLAGS) != 0) {
      throw new IllegalArgumentException("flags=" + Codec.hex(flags));
    }
  }

  /** Of a 64-bit thread as it is before EADD. */
  public static Tcs of(long oentry, long ossa, int nssa, long ofsBasgx, long ogsBasgx) {
    return new Tcs(0, 0, ossa, 0, nssa, oentry, 0, ofsBasgx, ogsBasgx, -1, -1, 0, 0);
  }

  /** Whether {@link #read} would refuse these {@link #BYTES} bytes. For leaves, which have to fault themselves. */
  public static boolean hasReservedBits(MemorySegment segment) {
    return CODEC.hasReservedBits(segment) || (segment.get(U64, FLAGS_OFFSET) & ~KNOWN_FLAGS) != 0;
  }

  /**
   * @throws MalformedStructureException if the size is wrong, or a reserved byte or a reserved bit of FLAGS is not zero
   */
  public static Tcs read(MemorySegment segment) {
    Codec.Reader in = CODEC.read(segment);
    if ((in.u64("flags") & ~KNOWN_FLAGS) != 0) {
      throw CODEC.malformed("flags", "bits 63:2 clear", Codec.hex(in.u64("flags")));
    }
    return new Tcs(
        in.u64("state"),
        in.u64("flags"),
        in.u64("ossa"),
        in.u32("cssa"),
        in.u32("nssa"),
        in.u64("oentry"),
        in.u64("aep"),
        in.u64("ofsBasgx"),
        in.u64("ogsBasgx"),
        in.u32("fsLimit"),
        in.u32("gsLimit"),
        in.u64("ocetSsa"),
        in.u64("prevSsp"));
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    CODEC.write(segment)
        .u64("state", state)
        .u64("flags", flags)
        .u64("ossa", ossa)
        .u32("cssa", cssa)
        .u32("nssa", nssa)
        .u64("oentry", oentry)
        .u64("aep", aep)
        .u64("ofsBasgx", ofsBasgx)
        .u64("ogsBasgx", ogsBasgx)
        .u32("fsLimit", fsLimit)
        .u32("gsLimit", gsLimit)
        .u64("ocetSsa", ocetSsa)
        .u64("prevSsp", prevSsp);
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    byte[] result = new byte[BYTES];
    write(MemorySegment.ofArray(result));
    return result;
  }
}
