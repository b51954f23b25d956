package org.enclavisor.monitor.leaf;

import java.util.function.Function;
import java.util.function.ObjLongConsumer;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;

/**
 * What every leaf inside an enclave asks of an operand in enclave memory, as rows of a table.
 *
 * @param <S> the scene
 */
record OperandChecks<S extends LeafScene>(
    Checks<S> checks,
    String name,
    long offset,
    boolean write,
    Function<S, SecsPage> page,
    ObjLongConsumer<S> set,
    Function<S, Long> get) {

  private int code() {
    return write ? LeafScene.USER_WRITE : LeafScene.USER_READ;
  }

  /** An address that is not a multiple of what it should be. */
  OperandChecks<S> misaligned(int by) {
    checks.gp(name, name + " alignment", s -> set.accept(s, LeafScene.BASE + offset + by), name + " at");
    return this;
  }

  /** An address outside the ELRANGE. */
  OperandChecks<S> outside() {
    checks.gp(name, name + " outside", s -> set.accept(s, LeafScene.BASE - 4096), "not in the ELRANGE");
    return this;
  }

  /** What the host's mapping refuses. */
  OperandChecks<S> unmapped() {
    int access = Outcome.Fault.USER | (write ? Outcome.Fault.WRITE : 0);
    checks.pf(
        name, name + " not mapped", s -> s.translations.mapped.put(offset / 4096, 0), access, get, "has not mapped");
    checks.pf(
        name,
        name + " mapped otherwise",
        s -> s.translations.mapped.put(offset / 4096, write ? 1 : 4),
        access | Outcome.Fault.PRESENT,
        get,
        "has not mapped");
    return this;
  }

  private void entry(String what, EpcmEntry entry, String reason) {
    checks.pf(
        name,
        name + " " + what,
        s -> LeafScene.epcm(page.apply(s), offset & -4096, entry),
        code(),
        get,
        name + reason);
  }

  /** What the EPCM refuses. */
  OperandChecks<S> entries() {
    entry("not valid", LeafScene.invalid(), " is not valid");
    entry("blocked", LeafScene.blocked(PageType.REG, Permissions.RW), " is blocked");
    entry("a TCS", LeafScene.entry(PageType.TCS, Permissions.RW), " is not a regular page");
    entry("trimmed", LeafScene.entry(PageType.TRIM, Permissions.RW), " is not a regular page");
    entry("pending", LeafScene.pending(PageType.REG, Permissions.RW), " is not a regular page");
    entry("modified", LeafScene.modified(PageType.REG, Permissions.RW), " is not a regular page");
    entry(
        "without permission",
        LeafScene.entry(PageType.REG, write ? Permissions.R : Permissions.NONE),
        " is not a regular page");
    return this;
  }

  /** All of them, in the order of most leaves. */
  Checks<S> all(int misalignment) {
    misaligned(misalignment).outside().unmapped().entries();
    return checks;
  }
}
