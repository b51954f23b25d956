package org.enclavisor.monitor.leaf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.jspecify.annotations.Nullable;

/** What leaves that run inside an enclave ask of the pages they touch. Allocates only to refuse. */
final class EnclaveOperand {
  private static final int PAGE = 4096;
  private static final int READ = 1;
  private static final int WRITE = 2;

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
    Outcome.Fault fault = aligned(address, alignment, name);
    if (fault == null) {
      fault = inside(secs, address, name);
    }
    if (fault == null) {
      fault = mapped(secs, address, write);
    }
    return fault != null ? fault : entry(secs, address, name, write);
  }

  /** What the EPCM has to say of an operand in the ELRANGE that is read or written. */
  static Outcome.@Nullable Fault entry(SecsPage secs, long address, String name, boolean write) {
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

  /** A copy of an operand, which nobody else can change. It lies in one page. */
  static MemorySegment copy(SecsPage secs, long address, int bytes) {
    return MemorySegment.ofArray(
        secs.memory().segment().asSlice(address - secs.base(), bytes).toArray(ValueLayout.JAVA_BYTE));
  }

  static Outcome.@Nullable Fault aligned(long address, int alignment, String name) {
    return (address & (alignment - 1)) == 0
        ? null
        : Outcome.gp("%s at 0x%x is not aligned to %d bytes".formatted(name, address, alignment));
  }

  static Outcome.@Nullable Fault inside(SecsPage secs, long address, String name) {
    return secs.contains(address)
        ? null
        : Outcome.gp("%s at 0x%x is not in the ELRANGE".formatted(name, address));
  }

  /** Whether the host has mapped a page of the ELRANGE as a leaf needs it: the page walk comes before the EPCM. */
  static Outcome.@Nullable Fault mapped(SecsPage secs, long address, boolean write) {
    return mapped(secs, address, write ? WRITE : READ, write);
  }

  private static Outcome.@Nullable Fault mapped(SecsPage secs, long address, int wanted, boolean write) {
    int mapped = secs.translations().mapped((address - secs.base()) / PAGE);
    if ((mapped & wanted) == wanted) {
      return null;
    }
    int code = Outcome.Fault.USER | (write ? Outcome.Fault.WRITE : 0) | (mapped == 0 ? 0 : Outcome.Fault.PRESENT);
    return new Outcome.Fault(
        Vector.PF, code, address, "the host has not mapped the page at 0x%x as the leaf needs it".formatted(address));
  }

  /** A page of an SSA frame, which has to be readable and writable. */
  static Outcome.@Nullable Fault ssaPage(SecsPage secs, long address) {
    Outcome.Fault unmapped = secs.contains(address) ? mapped(secs, address, READ | WRITE, true) : null;
    if (unmapped != null) {
      return unmapped;
    }
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
