package org.enclavisor.isa;

import java.util.Optional;

/** The user's leaves, ENCLU (SDM 3D, “ENCLU—Execute an Enclave User Function”). */
public enum EncluLeaf {
  /** Make a report. */
  EREPORT(0),
  /** Derive a key. */
  EGETKEY(1),
  /** Enter an enclave. */
  EENTER(2),
  /** Go on after an asynchronous exit. */
  ERESUME(3),
  /** Leave the enclave. */
  EEXIT(4),
  /** Accept a change of a page. */
  EACCEPT(5),
  /** Extend permissions. */
  EMODPE(6),
  /** Accept a page and fill it. */
  EACCEPTCOPY(7),
  /** Verify a report of another kind of environment. */
  EVERIFYREPORT2(8),
  /** Leave one SSA frame. */
  EDECCSSA(9);

  private static final EncluLeaf[] VALUES = values();

  private final int code;

  EncluLeaf(int code) {
    this.code = code;
  }

  /** The number in EAX. */
  public int code() {
    return code;
  }

  /** By the number in EAX; empty where there is no such leaf. */
  public static Optional<EncluLeaf> of(int code) {
    for (EncluLeaf leaf : VALUES) {
      if (leaf.code == code) {
        return Optional.of(leaf);
      }
    }
    return Optional.empty();
  }
}
