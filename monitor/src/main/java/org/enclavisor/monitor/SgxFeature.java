package org.enclavisor.monitor;

import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.isa.EncluLeaf;
import org.jspecify.annotations.Nullable;

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

  /** What a leaf belongs to; null if every processor with SGX has it. */
  static @Nullable SgxFeature of(EnclsLeaf leaf) {
    return switch (leaf) {
      case ECREATE, EADD, EINIT, EREMOVE, EDBGRD, EDBGWR, EEXTEND, ELDB, ELDU, EBLOCK, EPA, EWB, ETRACK -> null;
      case EAUG, EMODPR, EMODT -> SGX2;
      case ERDINFO, ETRACKC, ELDBC, ELDUC -> OVERSUB;
      case EUPDATESVN -> EUPDATESVN;
    };
  }

  /** The same of a leaf of ENCLU. */
  static @Nullable SgxFeature of(EncluLeaf leaf) {
    return switch (leaf) {
      case EREPORT, EGETKEY, EENTER, ERESUME, EEXIT, EVERIFYREPORT2 -> null;
      case EACCEPT, EMODPE, EACCEPTCOPY -> SGX2;
      case EDECCSSA -> EDECCSSA;
    };
  }

  /** Its bit in CPUID.12H.0:EAX, as a mask. */
  public int mask() {
    return 1 << bit;
  }
}
