package org.enclavisor.monitor.leaf;

import org.enclavisor.isa.PageType;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcmEntry;
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
      return Outcome.gp("EPC page at 0x%x is not aligned to 4096 bytes".formatted(rcx));
    }
    return switch (epc.resolve(rcx)) {
      case null -> Operands.epc(rcx, "0x%x is not in the EPC".formatted(rcx));
      case Epc.SecsExtent extent -> secs(extent);
      case Epc.ElrangeExtent extent -> page(extent.secs(), Epc.frame(rcx) - extent.firstFrame());
    };
  }

  private static Outcome secs(Epc.SecsExtent extent) {
    SecsPage secs = extent.secs();
    if (secs == null) {
      return Outcome.success();
    }
    if (secs.pages().validCount() != 0) {
      return new Outcome.Error(
          SgxError.SGX_CHILD_PRESENT, "the enclave still has " + secs.pages().validCount() + " pages");
    }
    extent.secs(null);
    return Outcome.success();
  }

  private static Outcome page(SecsPage secs, long page) {
    int bits = secs.pages().bits(page);
    if (!EpcmEntry.valid(bits)) {
      return Outcome.success();
    }
    // From here on nobody enters; who was on the way before shows as active.
    boolean ended = secs.exclusive();
    secs.exclusive(true);
    try {
      if (secs.active()) {
        return new Outcome.Error(SgxError.SGX_ENCLAVE_ACT, "a thread is inside the enclave");
      }
      secs.measurement().drain();
      if (EpcmEntry.is(bits, PageType.TCS)) {
        secs.threads().remove(page);
      } else {
        secs.memory().segment().asSlice(page * PAGE, PAGE).fill((byte) 0);
      }
      secs.pages().set(page, 1, 0);
      return Outcome.success();
    } finally {
      secs.exclusive(ended);
    }
  }

  /**
   * EREMOVE of all pages of an enclave that nobody can enter any more. Their bytes are not cleared: the memory object
   * goes as a whole.
   */
  public static Outcome all(SecsPage secs) {
    if (secs.active()) {
      return new Outcome.Error(SgxError.SGX_ENCLAVE_ACT, "a thread is inside the enclave");
    }
    secs.pages().set(0, secs.pages().pages(), 0);
    return Outcome.success();
  }
}
