package org.enclavisor.linux.asm;

/** An operand in memory. */
public sealed interface Mem {

  /** {@code [base + disp]}. */
  record Based(Reg base, int disp) implements Mem {}

  /** An absolute address, encoded relative to RIP: it has to be within 2 GiB of the instruction. */
  record Absolute(long address) implements Mem {}

  /** {@code [base + disp]}. */
  static Mem at(Reg base, int disp) {
    return new Based(base, disp);
  }

  /** The bytes at an address, reached relative to RIP. */
  static Mem abs(long address) {
    return new Absolute(address);
  }
}
