package org.enclavisor.monitor;

/**
 * Parts of the architecture that a processor may lack, by their bits in CPUID.12H.0:EAX. Without one, its leaves answer
 * #GP(0), as numbers do that are no leaf.
 */
public enum SgxFeature {
  /** SGX2: EAUG, EMODPR, EMODT, EACCEPT, EMODPE, EACCEPTCOPY. */
  SGX2(1),
  /** ENCLV: EINCVIRTCHILD, EDECVIRTCHILD, ESETCONTEXT. */
  ENCLV(5),
  /** ETRACKC, ERDINFO, ELDBC, ELDUC. */
  OVERSUB(6),
  /** EUPDATESVN. */
  EUPDATESVN(10),
  /** EDECCSSA. */
  EDECCSSA(11);

  private final int bit;

  SgxFeature(int bit) {
    this.bit = bit;
  }

  /** Its bit in CPUID.12H.0:EAX, as a mask. */
  public int mask() {
    return 1 << bit;
  }
}
