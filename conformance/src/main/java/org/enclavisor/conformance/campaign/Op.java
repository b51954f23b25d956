package org.enclavisor.conformance.campaign;

import java.util.Arrays;
import java.util.Optional;
import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.EnclvLeaf;

/** What a step of the campaign does. */
public enum Op {
  ECREATE,
  EADD,
  EEXTEND,
  EINIT,
  EREMOVE,
  EDBGRD,
  EDBGWR,
  ELDB,
  ELDU,
  EBLOCK,
  EPA,
  EWB,
  ETRACK,
  EAUG,
  EMODPR,
  EMODT,
  ERDINFO,
  ETRACKC,
  ELDBC,
  ELDUC,
  EUPDATESVN,
  EDECVIRTCHILD,
  EINCVIRTCHILD,
  ESETCONTEXT,
  EENTER,
  ERESUME,
  INTERRUPT,
  EEXIT,
  EREPORT,
  EGETKEY,
  EACCEPT,
  EMODPE,
  EACCEPTCOPY,
  EDECCSSA,
  READ,
  WRITE,
  EXECUTE;

  private final int leaf = number();

  private int number() {
    return named(EnclsLeaf.values()).map(EnclsLeaf::code)
        .or(() -> named(EncluLeaf.values()).map(EncluLeaf::code))
        .or(() -> named(EnclvLeaf.values()).map(EnclvLeaf::code))
        .orElse(-1);
  }

  private <E extends Enum<E>> Optional<E> named(E[] leaves) {
    return Arrays.stream(leaves).filter(leaf -> leaf.name().equals(name())).findAny();
  }

  /** EAX of the leaf. */
  int leaf() {
    return leaf;
  }

  /** Whether a success says nothing in RAX and flags. */
  boolean plain() {
    return this == ECREATE || this == EADD || this == EEXTEND || this == EPA || this == EAUG;
  }

  /** Whether the probe of a logical processor does it, inside. */
  boolean inside() {
    return ordinal() >= INTERRUPT.ordinal();
  }
}
