package org.enclavisor.linux.asm;

/** The conditions of Jcc and SETcc that are in use, with their encoding. */
public enum Condition {
  O(0x0),
  BELOW(0x2),
  ABOVE_OR_EQUAL(0x3),
  EQUAL(0x4),
  NOT_EQUAL(0x5),
  ABOVE(0x7),
  SIGN(0x8),
  LESS_OR_EQUAL(0xE);

  final int code;

  Condition(int code) {
    this.code = code;
  }
}
