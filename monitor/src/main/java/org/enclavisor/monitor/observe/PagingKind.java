package org.enclavisor.monitor.observe;

import java.util.Optional;
import org.enclavisor.isa.EnclsLeaf;

/** What happens to the pages of an enclave while it runs. */
public enum PagingKind {
  /** EWB: out of the EPC. */
  EVICTED,
  /** ELDU, ELDB: back into it. */
  RELOADED,
  /** EAUG: new ones. */
  GROWN;

  /** What a leaf does in this respect; empty if nothing. */
  public static Optional<PagingKind> of(EnclsLeaf leaf) {
    return switch (leaf) {
      case EWB -> Optional.of(EVICTED);
      case ELDU, ELDB, ELDUC, ELDBC -> Optional.of(RELOADED);
      case EAUG -> Optional.of(GROWN);
      case ECREATE, EADD, EINIT, EREMOVE, EDBGRD, EDBGWR, EEXTEND, EBLOCK, EPA, ETRACK, EMODPR, EMODT, ERDINFO,
          ETRACKC, EUPDATESVN ->
          Optional.empty();
    };
  }
}
