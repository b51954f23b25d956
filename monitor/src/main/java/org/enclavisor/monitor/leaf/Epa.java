package org.enclavisor.monitor.leaf;

import org.enclavisor.isa.PageType;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.VersionArray;

/** ENCLS[EPA]: makes an empty version array (SDM 3D, “EPA—Add Version Array”). */
public final class Epa {
  private static final int PAGE = 4096;

  private Epa() {}

  /**
   * @param rbx PT_VA
   * @param rcx address of an empty EPC page
   */
  public static Outcome execute(Epc epc, long rbx, long rcx) {
    if (rbx != PageType.VA.code()) {
      return Outcome.gp("RBX=0x%x: expected PT_VA, %d".formatted(rbx, PageType.VA.code()));
    }
    if ((rcx & (PAGE - 1)) != 0) {
      return Operands.misaligned(rcx);
    }
    EpcPage target = epc.resolve(rcx);
    if (target == null) {
      return Operands.outside(rcx);
    }
    if (!target.tryExclusive()) {
      return Operands.busy(rcx);
    }
    try {
      if (EpcmEntry.valid(target.bits())) {
        return Operands.epc(rcx, "EPC page 0x%x is valid already".formatted(rcx));
      }
      if (!(target instanceof LooseFrame frame)) {
        return Outcome.gp("EPC page 0x%x is not available: it is one of an ELRANGE".formatted(rcx));
      }
      frame.put(new VersionArray());
      return Outcome.success();
    } finally {
      target.releaseExclusive();
    }
  }
}
