package org.enclavisor.linux;

import static org.enclavisor.linux.asm.Reg.R10;
import static org.enclavisor.linux.asm.Reg.R11;
import static org.enclavisor.linux.asm.Reg.R8;
import static org.enclavisor.linux.asm.Reg.R9;
import static org.enclavisor.linux.asm.Reg.RAX;
import static org.enclavisor.linux.asm.Reg.RBX;
import static org.enclavisor.linux.asm.Reg.RCX;
import static org.enclavisor.linux.asm.Reg.RDI;
import static org.enclavisor.linux.asm.Reg.RDX;
import static org.enclavisor.linux.asm.Reg.RSI;
import static org.enclavisor.linux.asm.Reg.RSP;

import java.lang.foreign.MemorySegment;
import org.enclavisor.linux.asm.Assembler;
import org.enclavisor.linux.asm.Mem;

/** The machine code that this module calls from Java: all of it together fits into one page. */
final class Thunks {
  private static final int SYSCALL_AT = 0;
  private static final int CPUID_AT = 64;
  private static final int XGETBV_AT = 128;
  private static final int FXSAVE_AT = 192;
  private static final int SPAWN_AT = 256;
  private static final int END = 768;

  private static final MemorySegment PAGE = NativeCode.install(assemble());

  /** {@code (number, a, b, c, d, e, f)} → result or −errno. */
  static final MemorySegment SYSCALL = PAGE.asSlice(SYSCALL_AT, CPUID_AT - SYSCALL_AT);

  /** {@code (leaf, subleaf, address of four ints)} → 0. */
  static final MemorySegment CPUID = PAGE.asSlice(CPUID_AT, XGETBV_AT - CPUID_AT);

  /** {@code (register)} → XCR. */
  static final MemorySegment XGETBV = PAGE.asSlice(XGETBV_AT, FXSAVE_AT - XGETBV_AT);

  /** {@code (address of 512 bytes, 16-aligned)} → 0. */
  static final MemorySegment FXSAVE = PAGE.asSlice(FXSAVE_AT, SPAWN_AT - FXSAVE_AT);

  /** {@code (address of a {@link ChildProcess} block)} → process number or −errno. */
  static final MemorySegment SPAWN = PAGE.asSlice(SPAWN_AT, END - SPAWN_AT);

  private Thunks() {}

  static byte[] assemble() {
    Assembler a = new Assembler(0);
    a.mov(RAX, RDI).mov(RDI, RSI).mov(RSI, RDX).mov(RDX, RCX).mov(R10, R8).mov(R8, R9);
    a.mov(R9, Mem.at(RSP, 8)).syscall().ret();
    a.padTo(CPUID_AT);
    a.mov(R10, RDX).mov(R11, RBX).mov32(RAX, RDI).mov32(RCX, RSI).cpuid();
    a.mov32(Mem.at(R10, 0), RAX).mov32(Mem.at(R10, 4), RBX).mov32(Mem.at(R10, 8), RCX).mov32(Mem.at(R10, 12), RDX);
    a.mov(RBX, R11).xor32(RAX, RAX).ret();
    a.padTo(XGETBV_AT);
    a.mov32(RCX, RDI).xgetbv().shl(RDX, 32).or(RAX, RDX).ret();
    a.padTo(FXSAVE_AT);
    a.bytes(0x48, 0x0F, 0xAE, 0x07).xor32(RAX, RAX).ret(); // fxsave64 [rdi]
    a.padTo(SPAWN_AT);
    ChildProcess.assemble(a);
    return a.padTo(END).toBytes();
  }
}
