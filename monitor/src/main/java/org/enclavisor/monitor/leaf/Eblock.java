package org.enclavisor.monitor.leaf;

import org.enclavisor.isa.PageType;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;

/** ENCLS[EBLOCK]: nobody gets new translations of a page (SDM 3D, “EBLOCK—Mark a page in EPC as Blocked”). */
public final class Eblock {
  private static final int PAGE = 4096;

  private Eblock() {}

  /**
   * @param rcx address of the EPC page
   */
  public static Outcome execute(Epc epc, long rcx) {
    if ((rcx & (PAGE - 1)) != 0) {
      return Operands.misaligned(rcx);
    }
    EpcPage target = epc.resolve(rcx);
    if (target == null) {
      return Operands.outside(rcx);
    }
    if (!target.tryShared()) {
      return Operands.conflict(rcx);
    }
    try {
      return block(target, rcx);
    } finally {
      target.releaseShared();
    }
  }

  private static Outcome block(EpcPage target, long rcx) {
    int bits = target.bits();
    if (!EpcmEntry.valid(bits)) {
      return Outcome.error(SgxError.SGX_PG_INVLD, "EPC page 0x%x is not valid".formatted(rcx));
    }
    if (!EpcmEntry.child(bits) || !(target instanceof ElrangePage(SecsPage secs, long page))) {
      return EpcmEntry.is(bits, PageType.SECS)
          ? Outcome.carry(SgxError.SGX_PG_IS_SECS, "EPC page 0x%x is a SECS".formatted(rcx))
          : Outcome.carry(
              SgxError.SGX_NOTBLOCKABLE, "EPC page 0x%x is PT_%s".formatted(rcx, EpcmEntry.type(bits)));
    }
    // Not in the pseudo-code, but in the table of the error codes.
    if (secs.tracking().lock().taken()) {
      return Outcome.error(SgxError.SGX_ENTRYEPOCH_LOCKED, "ETRACK works on the SECS");
    }
    if (!secs.block(page)) {
      return Outcome.carry(SgxError.SGX_BLKSTATE, "EPC page 0x%x is blocked already".formatted(rcx));
    }
    secs.translations().shrunk(page);
    return Outcome.success();
  }
}
