package org.enclavisor.monitor.spi;

/**
 * The general registers, flags and segment bases of a logical processor, as a mutable value: whoever hands it over
 * keeps no second view of it. Confined to one thread.
 */
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

  /** Takes over all values of another. */
  public void set(Registers other) {
    rax = other.rax;
    rcx = other.rcx;
    rdx = other.rdx;
    rbx = other.rbx;
    rsp = other.rsp;
    rbp = other.rbp;
    rsi = other.rsi;
    rdi = other.rdi;
    r8 = other.r8;
    r9 = other.r9;
    r10 = other.r10;
    r11 = other.r11;
    r12 = other.r12;
    r13 = other.r13;
    r14 = other.r14;
    r15 = other.r15;
    rflags = other.rflags;
    rip = other.rip;
    fsBase = other.fsBase;
    gsBase = other.gsBase;
  }

  @Override
  public String toString() {
    return ("rax=%x rcx=%x rdx=%x rbx=%x rsp=%x rbp=%x rsi=%x rdi=%x r8=%x r9=%x r10=%x r11=%x r12=%x r13=%x r14=%x"
            + " r15=%x rflags=%x rip=%x fs=%x gs=%x")
        .formatted(
            rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15, rflags, rip, fsBase, gsBase);
  }
}
