package org.enclavisor.isa;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.enclavisor.isa.Codec.U32;
import static org.enclavisor.isa.Codec.U64;
import static org.enclavisor.isa.Codec.reserved;
import static org.enclavisor.isa.Codec.requireU8;
import static org.enclavisor.isa.Codec.u64;
import static org.enclavisor.isa.Codec.u8;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

/**
 * GPRSGX: the general registers in an SSA frame (SDM 3D, “GPRSGX Region”). Its members are read and written by offset,
 * not by name as elsewhere, since this happens on every asynchronous exit.
 *
 * @param ursp offset 144, URSP: the host's stack pointer at EENTER
 * @param urbp offset 152, URBP: the host's frame pointer at EENTER
 * @param exitInfo offset 160, EXITINFO
 * @param aexNotify offset 167, AEXNOTIFY: bit 0, the thread wants to be told of asynchronous exits
 * @param fsBase offset 168, FSBASE
 * @param gsBase offset 176, GSBASE
 */
public record GprSgx(
    long rax,
    long rcx,
    long rdx,
    long rbx,
    long rsp,
    long rbp,
    long rsi,
    long rdi,
    long r8,
    long r9,
    long r10,
    long r11,
    long r12,
    long r13,
    long r14,
    long r15,
    long rflags,
    long rip,
    long ursp,
    long urbp,
    ExitInfo exitInfo,
    int aexNotify,
    long fsBase,
    long gsBase) {

  /** Size in bytes. */
  public static final int BYTES = 184;

  /** The members' places. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              u64("rax"),
              u64("rcx"),
              u64("rdx"),
              u64("rbx"),
              u64("rsp"),
              u64("rbp"),
              u64("rsi"),
              u64("rdi"),
              u64("r8"),
              u64("r9"),
              u64("r10"),
              u64("r11"),
              u64("r12"),
              u64("r13"),
              u64("r14"),
              u64("r15"),
              u64("rflags"),
              u64("rip"),
              u64("ursp"),
              u64("urbp"),
              ExitInfo.LAYOUT.withName("exitInfo"),
              reserved(1, 3),
              u8("aexNotify"),
              u64("fsBase"),
              u64("gsBase"))
          .withName("GPRSGX");

  /** Offset of RAX. */
  public static final long RAX_OFFSET = 0;

  /** Offset of RIP. */
  public static final long RIP_OFFSET = 136;

  /** Offset of URSP. */
  public static final long URSP_OFFSET = 144;

  /** Offset of URBP. */
  public static final long URBP_OFFSET = 152;

  /** Offset of EXITINFO. */
  public static final long EXITINFO_OFFSET = 160;

  /** Offset of AEXNOTIFY. */
  public static final long AEXNOTIFY_OFFSET = 167;

  private static final Codec CODEC = new Codec("GPRSGX", LAYOUT);

  public GprSgx {
    requireU8("aexNotify", aexNotify);
  }

  /**
   * Reads a frame that enclave code may have written: the reserved bytes and the reserved bits of EXITINFO are ignored,
   * as ERESUME does, which restores registers and looks at neither.
   */
  public static GprSgx readLenient(MemorySegment s) {
    return new GprSgx(
        s.get(U64, 0),
        s.get(U64, 8),
        s.get(U64, 16),
        s.get(U64, 24),
        s.get(U64, 32),
        s.get(U64, 40),
        s.get(U64, 48),
        s.get(U64, 56),
        s.get(U64, 64),
        s.get(U64, 72),
        s.get(U64, 80),
        s.get(U64, 88),
        s.get(U64, 96),
        s.get(U64, 104),
        s.get(U64, 112),
        s.get(U64, 120),
        s.get(U64, 128),
        s.get(U64, RIP_OFFSET),
        s.get(U64, URSP_OFFSET),
        s.get(U64, URBP_OFFSET),
        ExitInfo.lenient(s.get(U32, EXITINFO_OFFSET)),
        Byte.toUnsignedInt(s.get(JAVA_BYTE, AEXNOTIFY_OFFSET)),
        s.get(U64, 168),
        s.get(U64, 176));
  }

  /**
   * @throws MalformedStructureException if the size is wrong or a reserved bit is set
   */
  public static GprSgx read(MemorySegment segment) {
    MemorySegment exitInfo = CODEC.read(segment).slice("exitInfo");
    try {
      ExitInfo.read(exitInfo);
    } catch (MalformedStructureException e) {
      throw CODEC.within("exitInfo", e);
    }
    return readLenient(segment);
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment s) {
    s.set(U64, 0, rax);
    s.set(U64, 8, rcx);
    s.set(U64, 16, rdx);
    s.set(U64, 24, rbx);
    s.set(U64, 32, rsp);
    s.set(U64, 40, rbp);
    s.set(U64, 48, rsi);
    s.set(U64, 56, rdi);
    s.set(U64, 64, r8);
    s.set(U64, 72, r9);
    s.set(U64, 80, r10);
    s.set(U64, 88, r11);
    s.set(U64, 96, r12);
    s.set(U64, 104, r13);
    s.set(U64, 112, r14);
    s.set(U64, 120, r15);
    s.set(U64, 128, rflags);
    s.set(U64, RIP_OFFSET, rip);
    s.set(U64, URSP_OFFSET, ursp);
    s.set(U64, URBP_OFFSET, urbp);
    s.set(U32, EXITINFO_OFFSET, exitInfo.bits());
    s.set(U32, EXITINFO_OFFSET + 4, aexNotify << 24);
    s.set(U64, 168, fsBase);
    s.set(U64, 176, gsBase);
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    byte[] result = new byte[BYTES];
    write(MemorySegment.ofArray(result));
    return result;
  }
}
