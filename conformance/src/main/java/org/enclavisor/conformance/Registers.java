package org.enclavisor.conformance;

/** The general registers, flags and segment bases of a logical processor. Mutable, confined to one thread. */
public final class Registers {
  public long rax;
  public long rcx;
  public long rdx;
  public long rbx;
  public long rsp;
  public long rbp;
  public long rsi;
  public long rdi;
  public long r8;
  public long r9;
  public long r10;
  public long r11;
  public long r12;
  public long r13;
  public long r14;
  public long r15;
  public long rflags = 0x202;
  public long rip;
  public long fsBase;
  public long gsBase;

  /** The 16 general registers in the order of their numbers. */
  public long[] general() {
    return new long[] {rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15};
  }

  /** A copy. */
  public Registers copy() {
    var other = new Registers();
    other.rax = rax;
    other.rcx = rcx;
    other.rdx = rdx;
    other.rbx = rbx;
    other.rsp = rsp;
    other.rbp = rbp;
    other.rsi = rsi;
    other.rdi = rdi;
    other.r8 = r8;
    other.r9 = r9;
    other.r10 = r10;
    other.r11 = r11;
    other.r12 = r12;
    other.r13 = r13;
    other.r14 = r14;
    other.r15 = r15;
    other.rflags = rflags;
    other.rip = rip;
    other.fsBase = fsBase;
    other.gsBase = gsBase;
    return other;
  }
}
