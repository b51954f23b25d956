package org.enclavisor.monitor.leaf;

import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.jspecify.annotations.Nullable;

/** ENCLU[EDECCSSA]: goes down one SSA frame, whose content is given up (SDM 3D, “EDECCSSA—Decrements TCS.CSSA”). */
public final class Edeccssa {
  private Edeccssa() {}

  /**
   * @param tcs the thread's own, which is inside
   */
  public static Outcome.@Nullable Fault execute(SecsPage secs, TcsPage tcs) {
    if (tcs.cssa == 0) {
      return Outcome.gp("TCS.CSSA=0: there is no frame below");
    }
    if (!secs.pages().tryShared(tcs.page)) {
      return Operands.busy(tcs.address);
    }
    try {
      long ssa = secs.frame().offset(tcs.ossa, tcs.cssa - 1);
      Outcome.Fault fault = Entry.checkFrame(secs, ssa);
      if (fault == null) {
        tcs.cssa--;
        tcs.ssa = ssa;
      }
      return fault;
    } finally {
      secs.pages().releaseShared(tcs.page);
    }
  }
}
