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
 * ENCLS[EMODT]: makes a page a TCS, or one to be removed (SDM 3D, “EMODT—Change the Type of an EPC Page”). Nobody can
 * use it until the enclave has accepted it.
 *
 * <p>A thread that is inside on a TCS which is trimmed goes on until it leaves; {@link Eaccept} waits for that by
 * asking who is inside.
 */
public final class Emodt {
  private static final int PAGE = 4096;

  private Emodt() {}

  /**
   * @param rbx address of a SECINFO, of which the type counts
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
    PageType type = Secinfo.read(bytes).type();
    if (type != PageType.TCS && type != PageType.TRIM) {
      return Outcome.gp("SECINFO.FLAGS.PT=" + type + ": expected PT_TCS or PT_TRIM");
    }
    if (!target.tryExclusive()) {
      return Operands.conflict(rcx);
    }
    try {
      if (!EpcmEntry.valid(target.bits())) {
        return Operands.epc(rcx, "EPC page 0x%x is not valid".formatted(rcx));
      }
      return switch (target) {
        case LooseFrame _ -> wrongType(rcx, type);
        case ElrangePage(SecsPage secs, long page) -> locked(secs, page, rcx, type);
      };
    } finally {
      target.releaseExclusive();
    }
  }

  private static Outcome locked(SecsPage secs, long page, long rcx, PageType type) {
    if (!secs.pages().tryModify(page)) {
      return Operands.modified(rcx);
    }
    try {
      int bits = secs.pages().bits(page);
      boolean trimmedThread = EpcmEntry.is(bits, PageType.TCS) && type == PageType.TRIM;
      if (!EpcmEntry.is(bits, PageType.REG) && !trimmedThread) {
        return wrongType(rcx, type);
      }
      if (EpcmEntry.pendingOrModified(bits)) {
        return Outcome.error(
            SgxError.SGX_PAGE_NOT_MODIFIABLE, "EPC page 0x%x is pending or modified".formatted(rcx));
      }
      if (!secs.initialised()) {
        return Outcome.gp("the enclave is not initialised");
      }
      secs.pages().stamp(page, EpcmEntry.CHANGE_OF_TYPE, EpcmEntry.changed(type), secs.tracking().epoch());
      secs.restamp(page);
      secs.translations().shrunk(page);
      return Outcome.success();
    } finally {
      secs.pages().releaseModify(page);
    }
  }

  private static Outcome wrongType(long rcx, PageType type) {
    return Operands.epc(rcx, "EPC page 0x%x is of a type that cannot become PT_%s".formatted(rcx, type));
  }
}
