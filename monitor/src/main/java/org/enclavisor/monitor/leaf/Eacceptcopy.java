package org.enclavisor.monitor.leaf;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.jspecify.annotations.Nullable;

/**
 * ENCLU[EACCEPTCOPY]: accepts a page that EAUG has added, with the bytes of another (SDM 3D, “EACCEPTCOPY—Initialize a
 * Pending Page”).
 *
 * <p>Where the pseudo-code asks the R of the destination among the conditions of the source, and BLOCKED of the source
 * among those of the destination, they are asked of the page that is meant. A destination that is not valid cannot be
 * mapped and is #PF, as one that does not resolve.
 */
public final class Eacceptcopy {
  private static final int PAGE = 4096;

  private Eacceptcopy() {}

  /**
   * @param rbx linear address of a SECINFO, with the permissions that the page is to have
   * @param rcx linear address of the destination
   * @param rdx linear address of the source
   */
  public static Outcome execute(SecsPage secs, long rbx, long rcx, long rdx) {
    Outcome.Fault fault = checkAddresses(secs, rbx, rcx, rdx);
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
    Secinfo secinfo = Secinfo.read(bytes);
    fault = Eadd.checkPermissions(secinfo);
    if (fault != null) {
      return fault;
    }
    if (secinfo.type() != PageType.REG) {
      return Outcome.gp("SECINFO.FLAGS.PT=" + secinfo.type() + ": expected PT_REG");
    }
    fault = EnclaveOperand.entry(secs, rdx, "the source", false);
    if (fault != null) {
      return fault;
    }
    int bits = secs.bits(rcx);
    if (!fresh(bits) || EpcmEntry.blocked(bits)) {
      return mismatch(rcx);
    }
    long page = (rcx - secs.base()) / PAGE;
    if (!secs.pages().tryModify(page)) {
      return Operands.busy(rcx);
    }
    try {
      return copy(secs, page, rcx, rdx, secinfo.permissions());
    } finally {
      secs.pages().releaseModify(page);
    }
  }

  private static Outcome.@Nullable Fault checkAddresses(SecsPage secs, long rbx, long rcx, long rdx) {
    Outcome.Fault fault = EnclaveOperand.aligned(rbx, Secinfo.ALIGNMENT, "SECINFO");
    if (fault == null) {
      fault = EnclaveOperand.aligned(rcx, PAGE, "the page");
    }
    if (fault == null) {
      fault = EnclaveOperand.aligned(rdx, PAGE, "the source");
    }
    if (fault == null) {
      fault = EnclaveOperand.inside(secs, rbx, "SECINFO");
    }
    if (fault == null) {
      fault = EnclaveOperand.inside(secs, rcx, "the page");
    }
    if (fault == null) {
      fault = EnclaveOperand.inside(secs, rdx, "the source");
    }
    if (fault == null) {
      fault = EnclaveOperand.mapped(secs, rbx, false);
    }
    if (fault == null) {
      fault = EnclaveOperand.mapped(secs, rcx, true);
    }
    if (fault == null && !EpcmEntry.valid(secs.bits(rcx))) {
      fault = Outcome.pf(rcx, true, "the page at 0x%x is not valid".formatted(rcx));
    }
    return fault != null ? fault : EnclaveOperand.mapped(secs, rdx, false);
  }

  /** Whether a page is one that EAUG has added and nobody has accepted. */
  private static boolean fresh(int bits) {
    return EpcmEntry.valid(bits)
        && EpcmEntry.pending(bits)
        && !EpcmEntry.modified(bits)
        && EpcmEntry.is(bits, PageType.REG);
  }

  private static Outcome copy(SecsPage secs, long page, long rcx, long rdx, Permissions permissions) {
    int bits = secs.pages().bits(page);
    if (!fresh(bits) || EpcmEntry.permissions(bits) != Permissions.RW.bits()) {
      return mismatch(rcx);
    }
    MemorySegment memory = secs.memory().segment();
    MemorySegment.copy(memory, rdx - secs.base(), memory, page * PAGE, PAGE);
    secs.pages().update(page, EpcmEntry.COPY, EpcmEntry.copied(permissions));
    return Outcome.success();
  }

  private static Outcome mismatch(long rcx) {
    return Outcome.error(
        SgxError.SGX_PAGE_ATTRIBUTES_MISMATCH, "the page at 0x%x is not one that waits after EAUG".formatted(rcx));
  }
}
