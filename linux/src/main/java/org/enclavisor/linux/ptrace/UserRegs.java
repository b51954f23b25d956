package org.enclavisor.linux.ptrace;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.enclavisor.monitor.spi.Registers;

/**
 * {@code struct user_regs_struct} of x86-64 (arch/x86/include/asm/user_64.h): every general register of a thread.
 * Confined to the tracer.
 */
final class UserRegs {
  static final int BYTES = 27 * 8;

  static final int R15 = 0;
  static final int R14 = 8;
  static final int R13 = 16;
  static final int R12 = 24;
  static final int RBP = 32;
  static final int RBX = 40;
  static final int R11 = 48;
  static final int R10 = 56;
  static final int R9 = 64;
  static final int R8 = 72;
  static final int RAX = 80;
  static final int RCX = 88;
  static final int RDX = 96;
  static final int RSI = 104;
  static final int RDI = 112;
  static final int ORIG_RAX = 120;
  static final int RIP = 128;
  static final int CS = 136;
  static final int EFLAGS = 144;
  static final int RSP = 152;
  static final int SS = 160;
  static final int FS_BASE = 168;
  static final int GS_BASE = 176;
  static final int DS = 184;
  static final int ES = 192;
  static final int FS = 200;
  static final int GS = 208;

  /** RF, which the processor sets in what a fault saves: a mark on the fault, not a flag of the program's. */
  private static final long RESUME = 1 << 16;

  private static final int[] SELECTORS = {CS, SS, DS, ES, FS, GS};

  private final MemorySegment memory;

  UserRegs(Arena arena) {
    memory = arena.allocate(BYTES, 8);
  }

  long address() {
    return memory.address();
  }

  long get(int register) {
    return memory.get(JAVA_LONG, register);
  }

  void set(int register, long value) {
    memory.set(JAVA_LONG, register, value);
  }

  /**
   * All zero but the selectors, which are those of an ordinary 64-bit program, and ORIG_RAX, which says that no system
   * call is to be restarted.
   */
  void clear(UserRegs ordinary) {
    memory.fill((byte) 0);
    for (int selector : SELECTORS) {
      set(selector, ordinary.get(selector));
    }
    set(ORIG_RAX, -1);
    set(EFLAGS, 0x202);
  }

  /** Takes over the registers of an entry. */
  void load(Registers r, UserRegs ordinary) {
    clear(ordinary);
    set(R15, r.r15);
    set(R14, r.r14);
    set(R13, r.r13);
    set(R12, r.r12);
    set(RBP, r.rbp);
    set(RBX, r.rbx);
    set(R11, r.r11);
    set(R10, r.r10);
    set(R9, r.r9);
    set(R8, r.r8);
    set(RAX, r.rax);
    set(RCX, r.rcx);
    set(RDX, r.rdx);
    set(RSI, r.rsi);
    set(RDI, r.rdi);
    set(RIP, r.rip);
    set(EFLAGS, r.rflags);
    set(RSP, r.rsp);
    set(FS_BASE, r.fsBase);
    set(GS_BASE, r.gsBase);
  }

  /** Gives the registers of an exit. */
  void store(Registers r) {
    r.r15 = get(R15);
    r.r14 = get(R14);
    r.r13 = get(R13);
    r.r12 = get(R12);
    r.rbp = get(RBP);
    r.rbx = get(RBX);
    r.r11 = get(R11);
    r.r10 = get(R10);
    r.r9 = get(R9);
    r.r8 = get(R8);
    r.rax = get(RAX);
    r.rcx = get(RCX);
    r.rdx = get(RDX);
    r.rsi = get(RSI);
    r.rdi = get(RDI);
    r.rip = get(RIP);
    r.rflags = get(EFLAGS) & ~RESUME;
    r.rsp = get(RSP);
    r.fsBase = get(FS_BASE);
    r.gsBase = get(GS_BASE);
  }
}
