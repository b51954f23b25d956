package org.enclavisor.conformance;

import org.enclavisor.isa.SgxError;

/** What software sees of a leaf that was executed. */
public sealed interface LeafResult {
  /** RFLAGS.CF. */
  long CF = 1;
  /** RFLAGS.ZF. */
  long ZF = 1 << 6;
  /** CF, PF, AF, ZF, SF and OF. */
  long STATUS = 0x8D5;

  /**
   * The instruction completed.
   *
   * @param rax afterwards
   * @param rbx afterwards
   * @param flags the six status flags, at their places in RFLAGS; all of them were set before if the leaf was ENCLU's
   */
  record Done(long rax, long rbx, long flags) implements LeafResult {
    @Override
    public String toString() {
      String error = SgxError.of((int) rax).map(Enum::name).orElse("rax=" + Long.toHexString(rax));
      return error + " flags=" + Long.toHexString(flags);
    }
  }

  /**
   * The instruction faulted.
   *
   * @param vector the exception's number
   * @param errorCode as the processor pushes it
   * @param address CR2 of a page fault, else 0
   */
  record Fault(int vector, int errorCode, long address) implements LeafResult {
    @Override
    public String toString() {
      return switch (vector) {
        case 6 -> "#UD";
        case 13 -> "#GP(" + errorCode + ")";
        case 14 -> "#PF(0x" + Integer.toHexString(errorCode) + ") at 0x" + Long.toHexString(address);
        default -> "exception " + vector;
      };
    }
  }
}
