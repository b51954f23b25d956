package org.enclavisor.monitor.leaf;

import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;

/**
 * ENCLS[ETRACK] and ENCLS[ETRACKC]: begin to track who may still have translations from before (SDM 3D,
 * “ETRACK—Activates EBLOCK Checks”, “ETRACKC—Activates EBLOCK Checks”).
 */
public final class Etrack {
  private static final int PAGE = 4096;

  private Etrack() {}

  /**
   * ETRACK.
   *
   * @param rcx address of the SECS
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
      return Operands.busy(rcx);
    }
    try {
      SecsPage secs = target instanceof LooseFrame frame ? frame.secs() : null;
      if (secs != null && !secs.tracking().lock().tryTake()) {
        return Outcome.gp("another leaf tracks this enclave");
      }
      if (secs == null) {
        return EpcmEntry.valid(target.bits())
            ? Operands.epc(rcx, "EPC page 0x%x is PT_%s".formatted(rcx, EpcmEntry.type(target.bits())))
            : Operands.epc(rcx, "EPC page 0x%x is not valid".formatted(rcx));
      }
      return track(secs);
    } finally {
      target.releaseShared();
    }
  }

  /**
   * ETRACKC.
   *
   * @param rcx address of the SECS or of any page of the enclave
   */
  public static Outcome executeConcurrent(Epc epc, long rcx) {
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
      int bits = target.bits();
      if (!EpcmEntry.valid(bits)) {
        return Outcome.error(SgxError.SGX_PG_INVLD, "EPC page 0x%x is not valid".formatted(rcx));
      }
      SecsPage secs = Evirtchild.owner(target, bits);
      if (secs == null) {
        return Outcome.carry(
            SgxError.SGX_TRACK_NOT_REQUIRED, "EPC page 0x%x is PT_%s".formatted(rcx, EpcmEntry.type(bits)));
      }
      if (!secs.tracking().lock().tryTake()) {
        return Outcome.error(SgxError.SGX_EPC_PAGE_CONFLICT, "another leaf tracks this enclave");
      }
      return track(secs);
    } finally {
      target.releaseShared();
    }
  }

  /** Ends what {@code tryTake} began. */
  private static Outcome track(SecsPage secs) {
    try {
      if (secs.tracking().incomplete()) {
        return Outcome.error(
            SgxError.SGX_PREV_TRK_INCMPL, "a thread is inside since before the last ETRACK");
      }
      // First, so that whoever sees the new epoch can rely on it.
      secs.translations().flush();
      return secs.tracking().advance() ? Outcome.success() : Outcome.gp("the enclave's epochs are used up");
    } finally {
      secs.tracking().lock().release();
    }
  }
}
