package org.enclavisor.monitor.leaf;

import org.enclavisor.isa.PageType;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.jspecify.annotations.Nullable;

/** What leaves that run inside an enclave ask of the pages they touch. Allocates only to refuse. */
final class EnclaveOperand {
  private EnclaveOperand() {}

  /** An operand that is read. */
  static Outcome.@Nullable Fault readable(SecsPage secs, long address, int alignment, String name) {
    return check(secs, address, alignment, name, false);
  }

  /** An operand that is written. */
  static Outcome.@Nullable Fault writable(SecsPage secs, long address, int alignment, String name) {
    return check(secs, address, alignment, name, true);
  }

  private static Outcome.@Nullable Fault check(
      SecsPage secs, long address, int alignment, String name, boolean write) {
    if ((address & (alignment - 1)) != 0) {
      return Outcome.gp("%s at 0x%x is not aligned to %d bytes".formatted(name, address, alignment));
    }
    if (!secs.contains(address)) {
      return Outcome.gp("%s at 0x%x is not in the ELRANGE".formatted(name, address));
    }
    int bits = secs.bits(address);
    if (!EpcmEntry.valid(bits)) {
      return Outcome.pf(address, write, "the page of %s is not valid".formatted(name));
    }
    if (EpcmEntry.blocked(bits)) {
      return Outcome.pf(address, write, "the page of %s is blocked".formatted(name));
    }
    boolean allowed = write ? EpcmEntry.writable(bits) : EpcmEntry.readable(bits);
    if (!EpcmEntry.is(bits, PageType.REG) || EpcmEntry.pendingOrModified(bits) || !allowed) {
      return Outcome.pf(
          address, write, "the page of %s is not a regular page with %s".formatted(name, write ? "W" : "R"));
    }
    return null;
  }

  /** A page of an SSA frame, which has to be readable and writable. */
  static Outcome.@Nullable Fault ssaPage(SecsPage secs, long address) {
    int bits = secs.bits(address);
    if (!EpcmEntry.valid(bits)) {
      return Outcome.pf(address, true, "the SSA page at 0x%x is not valid".formatted(address));
    }
    if (EpcmEntry.blocked(bits)) {
      return Outcome.pf(address, true, "the SSA page at 0x%x is blocked".formatted(address));
    }
    if (EpcmEntry.pendingOrModified(bits)) {
      return Outcome.pf(address, true, "the SSA page at 0x%x is pending or modified".formatted(address));
    }
    if (!EpcmEntry.is(bits, PageType.REG) || !EpcmEntry.readable(bits) || !EpcmEntry.writable(bits)) {
      return Outcome.pf(address, true, "the SSA page at 0x%x is not a regular page with RW".formatted(address));
    }
    return null;
  }
}
