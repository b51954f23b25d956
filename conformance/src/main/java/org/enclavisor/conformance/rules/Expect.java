package org.enclavisor.conformance.rules;

import java.util.function.ToLongFunction;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.isa.SgxError;
import org.jspecify.annotations.Nullable;

/**
 * What has to come of a leaf.
 *
 * @param name for people; two expectations with the same name cannot be told apart
 */
public record Expect(String name, Check check) {
  private static final int GP = 13;
  private static final int PF = 14;
  private static final int SGX = 1 << 15;
  private static final long PAGE_MASK = -4096;

  /** Compares; a value says what is wrong. */
  interface Check {
    @Nullable String wrong(Call call, LeafResult result);
  }

  /** #GP(0). */
  static Expect gp() {
    return new Expect("#GP(0)", (call, result) -> fault(result, GP, 0));
  }

  /** #UD. */
  static Expect ud() {
    return new Expect("#UD", (call, result) -> fault(result, 6, 0));
  }

  private static @Nullable String fault(LeafResult result, int vector, int code) {
    return result instanceof LeafResult.Fault f && f.vector() == vector && f.errorCode() == code
        ? null : "found " + result;
  }

  /** #PF at an operand, because of the EPC or the EPCM. */
  static Expect pf(String operand, ToLongFunction<Call> address) {
    return page(operand, address, true);
  }

  /** #PF at an operand in ordinary memory that is not mapped. */
  static Expect notMapped(String operand, ToLongFunction<Call> address) {
    return page(operand + " (not mapped)", address, false);
  }

  private static Expect page(String operand, ToLongFunction<Call> address, boolean sgx) {
    return new Expect(
        "#PF(" + operand + ")",
        (call, result) -> {
          if (!(result instanceof LeafResult.Fault f) || f.vector() != PF) {
            return "found " + result;
          }
          if (((f.address() ^ address.applyAsLong(call)) & PAGE_MASK) != 0) {
            return "expected address 0x" + Long.toHexString(address.applyAsLong(call)) + ", found " + result;
          }
          return (f.errorCode() & SGX) != 0 == sgx ? null : "the SGX bit should be " + sgx + ", found " + result;
        });
  }

  static Expect pfRcx() {
    return pf("RCX", call -> call.rcx);
  }

  static Expect pfRbx() {
    return pf("RBX", call -> call.rbx);
  }

  static Expect pfRdx() {
    return pf("RDX", call -> call.rdx);
  }

  static Expect pfSecs() {
    return pf("PAGEINFO.SECS", call -> call.secs);
  }

  /** A code in RAX, with ZF set and the other status flags clear. */
  static Expect zf(SgxError error) {
    return code(error, LeafResult.ZF);
  }

  /** A code in RAX, with CF set and the other status flags clear. */
  static Expect cf(SgxError error) {
    return code(error, LeafResult.CF);
  }

  /** RAX = 0 and all status flags clear. */
  static Expect ok() {
    return code(SgxError.SGX_SUCCESS, 0);
  }

  private static Expect code(SgxError error, long flags) {
    return new Expect(
        error.name(),
        (call, result) ->
            result instanceof LeafResult.Done d && d.rax() == error.code() && d.flags() == flags
                ? null : "expected " + error + " flags=" + Long.toHexString(flags) + ", found " + result);
  }

  /** Completion of an ENCLS leaf that says nothing in RAX and flags. */
  static Expect done() {
    return new Expect(
        "completion", (call, result) -> result instanceof LeafResult.Done ? null : "found " + result);
  }

  /** Completion of an ENCLU leaf that changes neither RAX nor the flags, all of which the probe had set. */
  static Expect untouched() {
    return new Expect(
        "completion",
        (call, result) ->
            result instanceof LeafResult.Done d && d.rax() == call.leaf && d.flags() == LeafResult.STATUS
                ? null : "expected RAX and flags unchanged, found " + result);
  }
}
