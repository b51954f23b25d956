package org.enclavisor.isa;

import java.util.Optional;

/** The hypervisor's leaves, ENCLV (SDM 3D, “ENCLV—Execute an Enclave VMM Function”). */
public enum EnclvLeaf {
  /** Count one virtual child less. */
  EDECVIRTCHILD(0),
  /** Count one virtual child more. */
  EINCVIRTCHILD(1),
  /** Set the context of a SECS. */
  ESETCONTEXT(2);

  private static final EnclvLeaf[] VALUES = values();

  private final int code;

  EnclvLeaf(int code) {
    this.code = code;
  }

  /** The number in EAX. */
  public int code() {
    return code;
  }

  /** By the number in EAX; empty where there is no such leaf. */
  public static Optional<EnclvLeaf> of(int code) {
    for (EnclvLeaf leaf : VALUES) {
      if (leaf.code == code) {
        return Optional.of(leaf);
      }
    }
    return Optional.empty();
  }
}
