package org.enclavisor.linux.asm;

/** The general registers, in the order of their encoding. */
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

  int low() {
    return ordinal() & 7;
  }

  int high() {
    return ordinal() >> 3;
  }
}
