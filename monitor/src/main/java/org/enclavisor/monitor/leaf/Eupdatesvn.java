package org.enclavisor.monitor.leaf;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.LooseFrame;

/**
 * ENCLS[EUPDATESVN]: takes over the CPUSVN of a microcode that was loaded since, with a new paging key, when nothing is in
 * the EPC (SDM 3D, “EUPDATESVN—Update CR_CPUSVN”; Intel, “Runtime Microcode Updates with Intel Software Guard
 * Extensions”).
 *
 * <p>What the monitor is does not change while it runs, so the best answer is SGX_NO_UPDATE, with CF: the key is new, and
 * CPUSVN was the newest before. Randomness does not run out here either.
 */
public final class Eupdatesvn {
  private Eupdatesvn() {}

  /** Without operands. */
  public static Outcome execute(Epc epc, PageCrypto crypto) {
    List<LooseFrame> locked = new ArrayList<>();
    try {
      boolean ready = true;
      for (LooseFrame frame : epc.looseFrames()) {
        if (!frame.tryExclusive()) {
          return Operands.conflict(frame.address());
        }
        locked.add(frame);
        // An enclave's pages are valid only while its SECS is.
        ready &= frame.empty();
      }
      if (!ready) {
        return Outcome.error(SgxError.SGX_EPC_NOT_READY, "there are valid pages in the EPC");
      }
      crypto.renewKey();
      return Outcome.carry(SgxError.SGX_NO_UPDATE, "CPUSVN is the newest already");
    } finally {
      locked.forEach(LooseFrame::releaseExclusive);
    }
  }
}
