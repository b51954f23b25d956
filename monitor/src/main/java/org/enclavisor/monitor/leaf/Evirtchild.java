package org.enclavisor.monitor.leaf;

import java.util.function.Function;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.jspecify.annotations.Nullable;

/**
 * ENCLV[EINCVIRTCHILD] and ENCLV[EDECVIRTCHILD]: how many of an enclave's pages a hypervisor has taken from its virtual
 * machine (SDM 3D, “EINCVIRTCHILD—Increment VIRTCHILDCNT in SECS”, “EDECVIRTCHILD—Decrement VIRTCHILDCNT in SECS”).
 */
public final class Evirtchild {
  private static final int PAGE = 4096;

  private Evirtchild() {}

  /**
   * EINCVIRTCHILD.
   *
   * @param rbx address of a page of the enclave, or of its SECS
   * @param rcx address of the SECS
   */
  public static Outcome increment(Epc epc, long rbx, long rcx) {
    return execute(
        epc,
        rbx,
        rcx,
        secs -> {
          secs.virtualChildren().incrementAndGet();
          return Outcome.success();
        });
  }

  /**
   * EDECVIRTCHILD.
   *
   * @param rbx address of a page of the enclave, or of its SECS
   * @param rcx address of the SECS
   */
  public static Outcome decrement(Epc epc, long rbx, long rcx) {
    return execute(
        epc,
        rbx,
        rcx,
        secs ->
            secs.virtualChildren().getAndUpdate(count -> count == 0 ? 0 : count - 1) == 0
                ? Outcome.error(SgxError.SGX_INVALID_COUNTER, "SECS.VIRTCHILDCNT is 0 already")
                : Outcome.success());
  }

  private static Outcome execute(Epc epc, long rbx, long rcx, Function<SecsPage, Outcome> count) {
    if ((rbx & (PAGE - 1)) != 0) {
      return Operands.misaligned(rbx);
    }
    EpcPage target = epc.resolve(rbx);
    if (target == null) {
      return Operands.outside(rbx);
    }
    if (epc.resolve(rcx) == null) {
      return Operands.outside(rcx);
    }
    if (!target.tryShared()) {
      return Operands.conflict(rbx);
    }
    try {
      int bits = target.bits();
      if (!EpcmEntry.valid(bits)) {
        return Operands.epc(rbx, "EPC page 0x%x is not valid".formatted(rbx));
      }
      SecsPage secs = owner(target, bits);
      if (secs == null) {
        return Operands.epc(rbx, "EPC page 0x%x is PT_%s".formatted(rbx, EpcmEntry.type(bits)));
      }
      if (secs.address() != rcx) {
        return Outcome.gp("0x%x is not the SECS of EPC page 0x%x".formatted(rcx, rbx));
      }
      return count.apply(secs);
    } finally {
      target.releaseShared();
    }
  }

  /** The SECS of a page, or in it; null of other pages. */
  static @Nullable SecsPage owner(EpcPage target, int bits) {
    return switch (target) {
      case ElrangePage page -> EpcmEntry.child(bits) ? page.secs() : null;
      case LooseFrame frame -> EpcmEntry.is(bits, PageType.SECS) ? frame.secs() : null;
    };
  }
}
