package org.enclavisor.monitor;

import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Vector;

/**
 * How a leaf ended, in the architecture's terms. Never thrown. What the architecture says is in the components; the
 * {@code reason} is for people and names the field and its value.
 */
public sealed interface Outcome {

  /** For a person. */
  String reason();

  /** Whether it is {@link Ok}. */
  default boolean ok() {
    return this instanceof Ok;
  }

  /** The one success. */
  static Ok success() {
    return Ok.INSTANCE;
  }

  /** #GP(0). */
  static Fault gp(String reason) {
    return new Fault(Vector.GP, 0, 0, reason);
  }

  /**
   * #PF at an address, with the SGX bit set because the EPCM, not the page tables, said no.
   *
   * @param write whether the access was a write
   */
  static Fault pf(long address, boolean write, String reason) {
    return new Fault(Vector.PF, Fault.SGX | Fault.PRESENT | Fault.USER | (write ? Fault.WRITE : 0), address, reason);
  }

  /** A code in RAX, and ZF set. */
  static Error error(SgxError error, String reason) {
    return new Error(error, false, reason);
  }

  /** A code in RAX, and CF set. */
  static Error carry(SgxError error, String reason) {
    return new Error(error, true, reason);
  }

  /** It worked; RAX = 0. */
  record Ok() implements Outcome {
    static final Ok INSTANCE = new Ok();

    @Override
    public String reason() {
      return "";
    }
  }

  /**
   * The leaf ended with a code in RAX, which by its table changed nothing unless {@code carry} is set.
   *
   * @param carry whether CF tells of it, else ZF does
   */
  record Error(SgxError error, boolean carry, String reason) implements Outcome {
    @Override
    public String toString() {
      return error + ": " + reason;
    }
  }

  /**
   * The leaf faulted and changed nothing.
   *
   * @param vector #GP, #PF or #UD
   * @param code the error code that the processor pushes
   * @param address CR2 of a page fault, else 0
   */
  record Fault(Vector vector, int code, long address, String reason) implements Outcome {
    /** Error code of a page fault: the page was mapped (SDM 3A, 5.7). */
    public static final int PRESENT = 1;
    /** Error code of a page fault: the access was a write. */
    public static final int WRITE = 1 << 1;
    /** Error code of a page fault: the access came from user mode. */
    public static final int USER = 1 << 2;
    /** Error code of a page fault: the access was an instruction fetch. */
    public static final int FETCH = 1 << 4;
    /** Error code of a page fault: the EPCM refused it, not the page tables. */
    public static final int SGX = 1 << 15;

    @Override
    public String toString() {
      return switch (vector) {
        case PF -> "#PF(0x%x) at 0x%x: %s".formatted(code, address, reason);
        case GP -> "#GP(" + code + "): " + reason;
        default -> vector + ": " + reason;
      };
    }
  }
}
