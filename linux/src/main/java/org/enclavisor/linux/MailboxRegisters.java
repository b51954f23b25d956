package org.enclavisor.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import org.enclavisor.monitor.spi.Registers;

/** Copies registers between the monitor's value, a mailbox and a signal's frame; nothing is judged here. */
final class MailboxRegisters {
  private static final int USER_CS = 0x33;
  private static final int USER_SS = 0x2B;

  private MailboxRegisters() {}

  /** Into a mailbox, with flags that have been made harmless. */
  static void store(Registers r, long flags, MemorySegment m) {
    m.set(JAVA_LONG, Mailbox.RIP, r.rip);
    m.set(JAVA_LONG, Mailbox.CS, USER_CS);
    m.set(JAVA_LONG, Mailbox.RFLAGS, flags);
    m.set(JAVA_LONG, Mailbox.SS, USER_SS);
    m.set(JAVA_LONG, Mailbox.RAX, r.rax);
    m.set(JAVA_LONG, Mailbox.RCX, r.rcx);
    m.set(JAVA_LONG, Mailbox.RDX, r.rdx);
    m.set(JAVA_LONG, Mailbox.RBX, r.rbx);
    m.set(JAVA_LONG, Mailbox.RSP, r.rsp);
    m.set(JAVA_LONG, Mailbox.RBP, r.rbp);
    m.set(JAVA_LONG, Mailbox.RSI, r.rsi);
    m.set(JAVA_LONG, Mailbox.RDI, r.rdi);
    m.set(JAVA_LONG, Mailbox.R8, r.r8);
    m.set(JAVA_LONG, Mailbox.R9, r.r9);
    m.set(JAVA_LONG, Mailbox.R10, r.r10);
    m.set(JAVA_LONG, Mailbox.R11, r.r11);
    m.set(JAVA_LONG, Mailbox.R12, r.r12);
    m.set(JAVA_LONG, Mailbox.R13, r.r13);
    m.set(JAVA_LONG, Mailbox.R14, r.r14);
    m.set(JAVA_LONG, Mailbox.R15, r.r15);
    m.set(JAVA_LONG, Mailbox.FS, r.fsBase);
    m.set(JAVA_LONG, Mailbox.GS, r.gsBase);
  }

  /** Out of a mailbox after a jump: all but RIP; RAX as the dispatch left it, RCX as it came in. */
  static void load(MemorySegment m, Registers r) {
    r.rax = m.get(JAVA_LONG, Mailbox.RAX);
    r.rdx = m.get(JAVA_LONG, Mailbox.RDX);
    r.rbx = m.get(JAVA_LONG, Mailbox.RBX);
    r.rsp = m.get(JAVA_LONG, Mailbox.RSP);
    r.rbp = m.get(JAVA_LONG, Mailbox.RBP);
    r.rsi = m.get(JAVA_LONG, Mailbox.RSI);
    r.rdi = m.get(JAVA_LONG, Mailbox.RDI);
    r.r8 = m.get(JAVA_LONG, Mailbox.R8);
    r.r9 = m.get(JAVA_LONG, Mailbox.R9);
    r.r10 = m.get(JAVA_LONG, Mailbox.R10);
    r.r11 = m.get(JAVA_LONG, Mailbox.R11);
    r.r12 = m.get(JAVA_LONG, Mailbox.R12);
    r.r13 = m.get(JAVA_LONG, Mailbox.R13);
    r.r14 = m.get(JAVA_LONG, Mailbox.R14);
    r.r15 = m.get(JAVA_LONG, Mailbox.R15);
    r.rflags = m.get(JAVA_LONG, Mailbox.RFLAGS);
    r.fsBase = m.get(JAVA_LONG, Mailbox.FS);
    r.gsBase = m.get(JAVA_LONG, Mailbox.GS);
  }

  /** Out of a signal's frame: all but the segment bases, which it does not have. */
  static void loadFrame(MemorySegment f, Registers r) {
    r.rax = f.get(JAVA_LONG, SignalFrame.RAX);
    r.rcx = f.get(JAVA_LONG, SignalFrame.RCX);
    r.rdx = f.get(JAVA_LONG, SignalFrame.RDX);
    r.rbx = f.get(JAVA_LONG, SignalFrame.RBX);
    r.rsp = f.get(JAVA_LONG, SignalFrame.RSP);
    r.rbp = f.get(JAVA_LONG, SignalFrame.RBP);
    r.rsi = f.get(JAVA_LONG, SignalFrame.RSI);
    r.rdi = f.get(JAVA_LONG, SignalFrame.RDI);
    r.r8 = f.get(JAVA_LONG, SignalFrame.R8);
    r.r9 = f.get(JAVA_LONG, SignalFrame.R9);
    r.r10 = f.get(JAVA_LONG, SignalFrame.R10);
    r.r11 = f.get(JAVA_LONG, SignalFrame.R11);
    r.r12 = f.get(JAVA_LONG, SignalFrame.R12);
    r.r13 = f.get(JAVA_LONG, SignalFrame.R13);
    r.r14 = f.get(JAVA_LONG, SignalFrame.R14);
    r.r15 = f.get(JAVA_LONG, SignalFrame.R15);
    r.rip = f.get(JAVA_LONG, SignalFrame.RIP);
    r.rflags = f.get(JAVA_LONG, SignalFrame.RFLAGS);
  }
}
