package org.enclavisor.isa;

import java.util.Optional;

/**
 * What leaves return in RAX (SDM 3D, “Error Codes”, and the tables of the single leaves). The names are the manual's.
 */
public enum SgxError {
  /** No error. */
  SGX_SUCCESS(0),
  /** A value in SIGSTRUCT is wrong. */
  SGX_INVALID_SIG_STRUCT(1),
  /** An attribute is not allowed to the enclave. */
  SGX_INVALID_ATTRIBUTE(2),
  /** The page is already blocked. */
  SGX_BLKSTATE(3),
  /** The measurement differs. */
  SGX_INVALID_MEASUREMENT(4),
  /** The page's type cannot be blocked. */
  SGX_NOTBLOCKABLE(5),
  /** The page is not valid. */
  SGX_PG_INVLD(6),
  /** Another instruction is working on the page. */
  SGX_EPC_PAGE_CONFLICT(7),
  /** The signature is wrong. */
  SGX_INVALID_SIGNATURE(8),
  /** A MAC is wrong. */
  SGX_MAC_COMPARE_FAIL(9),
  /** The page is not blocked. */
  SGX_PAGE_NOT_BLOCKED(10),
  /** Translations may still be in use. */
  SGX_NOT_TRACKED(11),
  /** The slot of the version array is taken. */
  SGX_VA_SLOT_OCCUPIED(12),
  /** The SECS still has pages. */
  SGX_CHILD_PRESENT(13),
  /** A thread is inside the enclave. */
  SGX_ENCLAVE_ACT(14),
  /** The enclave's epoch is locked. */
  SGX_ENTRYEPOCH_LOCKED(15),
  /** The EINITTOKEN is not good. */
  SGX_INVALID_EINITTOKEN(16),
  /** The previous tracking has not ended. */
  SGX_PREV_TRK_INCMPL(17),
  /** The page is a SECS. */
  SGX_PG_IS_SECS(18),
  /** The page is not what SECINFO says. */
  SGX_PAGE_ATTRIBUTES_MISMATCH(19),
  /** The page cannot be changed now. */
  SGX_PAGE_NOT_MODIFIABLE(20),
  /** The page cannot be debugged now. */
  SGX_PAGE_NOT_DEBUGGABLE(21),
  /** A counter would run over or under. */
  SGX_INVALID_COUNTER(25),
  /** The page is not in the EPC. */
  SGX_PG_NONEPC(26),
  /** Pages of this type are not tracked. */
  SGX_TRACK_NOT_REQUIRED(27),
  /** The report's MAC structure is not good. */
  SGX_INVALID_REPORTMACSTRUCT(28),
  /** The random number generator gave nothing. */
  SGX_INSUFFICIENT_ENTROPY(29),
  /** The EPC is in use, so that CPUSVN cannot be updated. */
  SGX_EPC_NOT_READY(30),
  /** CPUSVN is already the newest. */
  SGX_NO_UPDATE(31),
  /** CPUSVN is beyond the processor's. */
  SGX_INVALID_CPUSVN(32),
  /** ISVSVN is beyond the enclave's. */
  SGX_INVALID_ISVSVN(64),
  /** An event came in between: try again. */
  SGX_UNMASKED_EVENT(128),
  /** There is no such key. */
  SGX_INVALID_KEYNAME(256);

  private static final SgxError[] VALUES = values();

  private final int code;

  SgxError(int code) {
    this.code = code;
  }

  /** The number in RAX. */
  public int code() {
    return code;
  }

  /** By the number in RAX; empty where the manual has none. */
  public static Optional<SgxError> of(int code) {
    for (SgxError error : VALUES) {
      if (error.code == code) {
        return Optional.of(error);
      }
    }
    return Optional.empty();
  }
}
