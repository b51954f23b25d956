package org.enclavisor.monitor.leaf;

import org.enclavisor.isa.PageType;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;

/** ENCLS[EREMOVE]: takes a page out of the EPC (SDM 3D, “EREMOVE—Remove a Page From the EPC”). */
public final class Eremove {
  private static final int PAGE = 4096;

  private Eremove() {}

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
    if (!target.tryExclusive()) {
      return Operands.busy(rcx);
    }
    try {
      return switch (target) {
        case LooseFrame frame -> loose(frame);
        case ElrangePage page -> page(page);
      };
    } finally {
      target.releaseExclusive();
    }
  }

  private static Outcome loose(LooseFrame frame) {
    SecsPage secs = frame.secs();
    if (secs != null && secs.hasChildren()) {
      return Outcome.error(
          SgxError.SGX_CHILD_PRESENT, "the enclave still has %d pages".formatted(secs.pages().validCount()));
    }
    frame.clear();
    return Outcome.success();
  }

  private static Outcome page(ElrangePage target) {
    int bits = target.bits();
    if (!EpcmEntry.valid(bits)) {
      return Outcome.success();
    }
    SecsPage secs = target.secs();
    if (EpcmEntry.is(bits, PageType.TRIM) && !EpcmEntry.modified(bits)) {
      // Accepted as trimmed by the enclave, and tracked: nobody can use it, whoever is inside.
      remove(target);
      return Outcome.success();
    }
    // From here on nobody enters; who was on the way before shows as active.
    secs.removing();
    try {
      if (secs.active()) {
        return Outcome.error(SgxError.SGX_ENCLAVE_ACT, "a thread is inside the enclave");
      }
      if (!secs.initialised()) {
        secs.measurement().drain();
      }
      remove(target);
      return Outcome.success();
    } finally {
      secs.removed();
    }
  }

  /** Empties a page that the caller has exclusively: its bytes, its entry, and its TCS if it was one. */
  static void remove(ElrangePage target) {
    SecsPage secs = target.secs();
    secs.threads().remove(target.page());
    if (!EpcmEntry.is(target.bits(), PageType.TCS)) {
      // First, so that a host which maps the page just now is not given it again.
      secs.pages().block(target.page(), secs.tracking().epoch());
      secs.translations().revoke(target.page());
      secs.translations().discard(target.page());
    }
    secs.pages().set(target.page(), 1, 0);
  }

  /**
   * EREMOVE of all pages of an enclave that nobody can enter any more. Their bytes are not cleared: the memory object
   * goes as a whole.
   */
  public static Outcome all(SecsPage secs) {
    if (secs.active()) {
      return Outcome.error(SgxError.SGX_ENCLAVE_ACT, "a thread is inside the enclave");
    }
    secs.pages().set(0, secs.pages().pages(), 0);
    return Outcome.success();
  }
}
