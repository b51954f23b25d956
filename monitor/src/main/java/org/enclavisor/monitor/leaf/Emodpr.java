package org.enclavisor.monitor.leaf;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;

/**
 * ENCLS[EMODPR]: takes permissions from a page (SDM 3D, “EMODPR—Restrict the Permissions of an EPC Page”). The enclave
 * can trust in that when it has accepted the page, which needs an ETRACK.
 */
public final class Emodpr {
  private static final int PAGE = 4096;

  private Emodpr() {}

  /**
   * @param rbx address of a SECINFO, of which the permissions count
   * @param rcx address of the EPC page
   */
  public static Outcome execute(Epc epc, Operands operands, long rbx, long rcx) {
    if ((rbx & (Secinfo.ALIGNMENT - 1)) != 0) {
      return Outcome.gp("SECINFO at 0x%x is not aligned to 64 bytes".formatted(rbx));
    }
    if ((rcx & (PAGE - 1)) != 0) {
      return Operands.misaligned(rcx);
    }
    EpcPage target = epc.resolve(rcx);
    if (target == null) {
      return Operands.outside(rcx);
    }
    MemorySegment bytes = operands.copy(rbx, Secinfo.BYTES);
    if (bytes == null) {
      return Operands.notMapped(rbx, "SECINFO");
    }
    if (Secinfo.hasReservedBits(bytes)) {
      return Outcome.gp("SECINFO has reserved bits set");
    }
    Secinfo secinfo = Secinfo.read(bytes);
    Outcome.Fault permissions = Eadd.checkPermissions(secinfo);
    if (permissions != null) {
      return permissions;
    }
    if (!target.tryShared()) {
      return Operands.busy(rcx);
    }
    try {
      if (!EpcmEntry.valid(target.bits())) {
        return Operands.epc(rcx, "EPC page 0x%x is not valid".formatted(rcx));
      }
      return switch (target) {
        case LooseFrame _ -> Operands.epc(rcx, "EPC page 0x%x is not PT_REG".formatted(rcx));
        case ElrangePage(SecsPage secs, long page) -> locked(secs, page, rcx, secinfo);
      };
    } finally {
      target.releaseShared();
    }
  }

  private static Outcome locked(SecsPage secs, long page, long rcx, Secinfo secinfo) {
    if (!secs.pages().tryModify(page)) {
      return Operands.modified(rcx);
    }
    try {
      int bits = secs.pages().bits(page);
      if (EpcmEntry.pendingOrModified(bits)) {
        return Outcome.error(
            SgxError.SGX_PAGE_NOT_MODIFIABLE, "EPC page 0x%x is pending or modified".formatted(rcx));
      }
      if (!EpcmEntry.is(bits, PageType.REG)) {
        return Operands.epc(rcx, "EPC page 0x%x is not PT_REG".formatted(rcx));
      }
      if (!secs.initialised()) {
        return Outcome.gp("the enclave is not initialised");
      }
      secs.pages()
          .stamp(
              page,
              EpcmEntry.RESTRICTION,
              EpcmEntry.restricted(bits, secinfo.permissions()),
              secs.tracking().epoch());
      secs.restamp(page);
      secs.translations().shrunk(page);
      return Outcome.success();
    } finally {
      secs.pages().releaseModify(page);
    }
  }
}
