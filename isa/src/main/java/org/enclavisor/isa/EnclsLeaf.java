package org.enclavisor.isa;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The supervisor's leaves, ENCLS (SDM 3D, “ENCLS—Execute an Enclave System Function”). */
public enum EnclsLeaf {
  /** Begin an enclave. */
  ECREATE(0),
  /** Add a page to an enclave that is being built. */
  EADD(1),
  /** End the building: the enclave may be entered. */
  EINIT(2),
  /** Take a page away. */
  EREMOVE(3),
  /** Read from a debug enclave. */
  EDBGRD(4),
  /** Write to a debug enclave. */
  EDBGWR(5),
  /** Measure 256 bytes. */
  EEXTEND(6),
  /** Load an evicted page, blocked. */
  ELDB(7),
  /** Load an evicted page. */
  ELDU(8),
  /** Block a page. */
  EBLOCK(9),
  /** Make a version array. */
  EPA(0xa),
  /** Evict a page. */
  EWB(0xb),
  /** Begin to track who may still have translations. */
  ETRACK(0xc),
  /** Add a page to a running enclave. */
  EAUG(0xd),
  /** Restrict permissions. */
  EMODPR(0xe),
  /** Change a page's type. */
  EMODT(0xf),
  /** Tell what a page is. */
  ERDINFO(0x10),
  /** Track, when a conflict is possible. */
  ETRACKC(0x11),
  /** Load blocked, when a conflict is possible. */
  ELDBC(0x12),
  /** Load, when a conflict is possible. */
  ELDUC(0x13),
  /** Take over a new CPUSVN. */
  EUPDATESVN(0x18);

  private static final List<Optional<EnclsLeaf>> BY_CODE = byCode();

  private final int code;

  EnclsLeaf(int code) {
    this.code = code;
  }

  /** The number in EAX. */
  public int code() {
    return code;
  }

  /** By the number in EAX; empty where there is no such leaf. Allocates nothing. */
  public static Optional<EnclsLeaf> of(int code) {
    return code >= 0 && code < BY_CODE.size() ? BY_CODE.get(code) : Optional.empty();
  }

  private static List<Optional<EnclsLeaf>> byCode() {
    List<Optional<EnclsLeaf>> result = new ArrayList<>();
    for (EnclsLeaf leaf : values()) {
      while (result.size() < leaf.code) {
        result.add(Optional.empty());
      }
      result.add(Optional.of(leaf));
    }
    return List.copyOf(result);
  }
}
