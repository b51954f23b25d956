package org.enclavisor.conformance.model;

import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LeafResult.Done;
import org.enclavisor.conformance.LeafResult.Fault;
import org.enclavisor.isa.SgxError;

/** The answers that leaves give. */
final class ModelAnswer {
  static final int GP = 13;
  static final int PF = 14;
  static final int UD = 6;
  /** Bit 15 of a page fault's error code. */
  static final int SGX = 1 << 15;
  static final int WRITE = 1 << 1;
  static final int FETCH = 1 << 4;

  private ModelAnswer() {}

  static Fault gp() {
    return new Fault(GP, 0, 0);
  }

  static Fault ud() {
    return new Fault(UD, 0, 0);
  }

  /** #PF because of the EPCM, or because an operand is not in the EPC. */
  static Fault pf(long address) {
    return new Fault(PF, SGX, address);
  }

  /** #PF because an operand is not mapped. */
  static Fault notMapped(long address) {
    return new Fault(PF, 0, address);
  }

  /** Success of a leaf that returns a code: RAX = 0, all status flags clear. */
  static Done ok() {
    return new Done(0, 0, 0);
  }

  static Done ok(long rbx) {
    return new Done(0, rbx, 0);
  }

  /** Success of a leaf that touches neither RAX nor flags. */
  static Done plain() {
    return new Done(0, 0, 0);
  }

  static Done zf(SgxError error) {
    return new Done(error.code(), 0, LeafResult.ZF);
  }

  static Done cf(SgxError error) {
    return new Done(error.code(), 0, LeafResult.CF);
  }
}
