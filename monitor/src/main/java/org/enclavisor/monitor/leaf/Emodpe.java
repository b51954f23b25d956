package org.enclavisor.monitor.leaf;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.jspecify.annotations.Nullable;

/** ENCLU[EMODPE]: gives a page more permissions (SDM 3D, “EMODPE—Extend an EPC Page Permissions”). */
public final class Emodpe {
  private static final int PAGE = 4096;

  private Emodpe() {}

  /**
   * @param rbx linear address of a SECINFO, of which the permissions count
   * @param rcx linear address of the page
   */
  public static Outcome.@Nullable Fault execute(SecsPage secs, long rbx, long rcx) {
    Outcome.Fault fault = EnclaveOperand.aligned(rbx, Secinfo.ALIGNMENT, "SECINFO");
    if (fault == null) {
      fault = EnclaveOperand.aligned(rcx, PAGE, "the page");
    }
    if (fault == null) {
      fault = EnclaveOperand.inside(secs, rbx, "SECINFO");
    }
    if (fault == null) {
      fault = EnclaveOperand.inside(secs, rcx, "the page");
    }
    if (fault == null) {
      fault = EnclaveOperand.mapped(secs, rbx, false);
    }
    if (fault == null) {
      fault = EnclaveOperand.mapped(secs, rcx, false);
    }
    if (fault == null) {
      fault = EnclaveOperand.entry(secs, rbx, "SECINFO", false);
    }
    if (fault != null) {
      return fault;
    }
    MemorySegment bytes = EnclaveOperand.copy(secs, rbx, Secinfo.BYTES);
    if (Secinfo.hasReservedBits(bytes)) {
      return Outcome.gp("SECINFO has reserved bits set");
    }
    int bits = secs.bits(rcx);
    if (!extensible(bits) || EpcmEntry.blocked(bits)) {
      return Outcome.pf(rcx, false, "the page at 0x%x is not a regular page that waits for nothing".formatted(rcx));
    }
    long page = (rcx - secs.base()) / PAGE;
    if (!secs.pages().tryModify(page)) {
      return Operands.busy(rcx);
    }
    try {
      return extend(secs, page, rcx, Secinfo.read(bytes).permissions());
    } finally {
      secs.pages().releaseModify(page);
    }
  }

  private static boolean extensible(int bits) {
    return EpcmEntry.valid(bits) && !EpcmEntry.pendingOrModified(bits) && EpcmEntry.is(bits, PageType.REG);
  }

  private static Outcome.@Nullable Fault extend(SecsPage secs, long page, long rcx, Permissions permissions) {
    int bits = secs.pages().bits(page);
    if (!extensible(bits)) {
      return Outcome.pf(rcx, false, "the page at 0x%x has just been changed".formatted(rcx));
    }
    if (!EpcmEntry.readable(bits) && !permissions.read() && permissions.write()) {
      return Outcome.gp("SECINFO has W without R, and the page at 0x%x is not readable".formatted(rcx));
    }
    secs.pages().update(page, EpcmEntry.PERMISSIONS, EpcmEntry.extended(bits, permissions));
    return null;
  }
}
