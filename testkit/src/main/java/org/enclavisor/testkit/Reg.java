package org.enclavisor.testkit;

import org.enclavisor.monitor.spi.Registers;

/** The sixteen general registers, in the order of their encoding. */
public enum Reg {
  RAX,
  RCX,
  RDX,
  RBX,
  RSP,
  RBP,
  RSI,
  RDI,
  R8,
  R9,
  R10,
  R11,
  R12,
  R13,
  R14,
  R15;

  /** This register's value. */
  public long of(Registers r) {
    return switch (this) {
      case RAX -> r.rax;
      case RCX -> r.rcx;
      case RDX -> r.rdx;
      case RBX -> r.rbx;
      case RSP -> r.rsp;
      case RBP -> r.rbp;
      case RSI -> r.rsi;
      case RDI -> r.rdi;
      case R8 -> r.r8;
      case R9 -> r.r9;
      case R10 -> r.r10;
      case R11 -> r.r11;
      case R12 -> r.r12;
      case R13 -> r.r13;
      case R14 -> r.r14;
      case R15 -> r.r15;
    };
  }

  /** Gives this register a value. */
  public void set(Registers r, long value) {
    switch (this) {
      case RAX -> r.rax = value;
      case RCX -> r.rcx = value;
      case RDX -> r.rdx = value;
      case RBX -> r.rbx = value;
      case RSP -> r.rsp = value;
      case RBP -> r.rbp = value;
      case RSI -> r.rsi = value;
      case RDI -> r.rdi = value;
      case R8 -> r.r8 = value;
      case R9 -> r.r9 = value;
      case R10 -> r.r10 = value;
      case R11 -> r.r11 = value;
      case R12 -> r.r12 = value;
      case R13 -> r.r13 = value;
      case R14 -> r.r14 = value;
      case R15 -> r.r15 = value;
    }
  }
}
