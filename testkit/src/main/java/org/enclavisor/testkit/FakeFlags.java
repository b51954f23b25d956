package org.enclavisor.testkit;

import org.enclavisor.monitor.spi.Registers;

/** RFLAGS: CF, PF, ZF, SF and OF of additions and subtractions; AF stays as it is. */
final class FakeFlags {
  static final long CF = 1;
  static final long PF = 1 << 2;
  static final long ZF = 1 << 6;
  static final long SF = 1 << 7;
  static final long TF = 1 << 8;
  static final long OF = 1 << 11;
  static final long AC = 1 << 18;
  /** What a program can change: also AF, DF, NT and ID. */
  private static final long PROGRAM = CF | PF | 1 << 4 | ZF | SF | TF | 1 << 10 | OF | 1 << 14 | AC | 1 << 21;
  /** Bit 1, which is always set, and IF. */
  private static final long ALWAYS = 0x202;

  private final Registers registers;

  FakeFlags(Registers registers) {
    this.registers = registers;
  }

  boolean is(long flag) {
    return (registers.rflags & flag) != 0;
  }

  /** What an entry makes of the flags it is given. */
  void enter() {
    pop(registers.rflags);
  }

  void pop(long value) {
    registers.rflags = value & PROGRAM | ALWAYS;
  }

  long add(long a, long b) {
    long sum = a + b;
    set(sum, Long.compareUnsigned(sum, a) < 0, ((a ^ sum) & (b ^ sum)) < 0);
    return sum;
  }

  long subtract(long a, long b) {
    long difference = a - b;
    set(difference, Long.compareUnsigned(a, b) < 0, ((a ^ b) & (a ^ difference)) < 0);
    return difference;
  }

  /** INC leaves CF as it is. */
  void increment(long result) {
    set(result, is(CF), result == Long.MIN_VALUE);
  }

  private void set(long result, boolean carry, boolean overflow) {
    registers.rflags = registers.rflags & ~(CF | PF | ZF | SF | OF)
        | (carry ? CF : 0)
        | (Long.bitCount(result & 0xff) % 2 == 0 ? PF : 0)
        | (result == 0 ? ZF : 0)
        | (result < 0 ? SF : 0)
        | (overflow ? OF : 0);
  }
}
