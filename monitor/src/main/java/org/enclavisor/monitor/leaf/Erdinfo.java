package org.enclavisor.monitor.leaf;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.Rdinfo;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.jspecify.annotations.Nullable;

/** ENCLS[ERDINFO]: tells what a page is (SDM 3D, “ERDINFO—Read Type and Status Information About an EPC Page”). */
public final class Erdinfo {
  private static final int PAGE = 4096;

  private Erdinfo() {}

  /**
   * @param rbx address of an RDINFO, which receives the answer
   * @param rcx address of the EPC page
   */
  public static Outcome execute(Epc epc, Operands operands, long rbx, long rcx) {
    if ((rbx & (Rdinfo.ALIGNMENT - 1)) != 0) {
      return Outcome.gp("RDINFO at 0x%x is not aligned to 32 bytes".formatted(rbx));
    }
    if ((rcx & (PAGE - 1)) != 0) {
      return Operands.misaligned(rcx);
    }
    if (!Cpu.canonical(rcx)) {
      return Operands.outside(rcx);
    }
    EpcPage target = epc.resolve(rcx);
    if (target == null) {
      return Outcome.carry(SgxError.SGX_PG_NONEPC, "0x%x is not in the EPC".formatted(rcx));
    }
    if (!target.tryShared()) {
      return Operands.conflict(rcx);
    }
    try {
      int bits = target.bits();
      if (!EpcmEntry.valid(bits)) {
        return Outcome.carry(SgxError.SGX_PG_INVLD, "EPC page 0x%x is not valid".formatted(rcx));
      }
      MemorySegment rdinfo = operands.writable(rbx, Rdinfo.BYTES);
      if (rdinfo == null) {
        return Operands.notWritable(rbx, "RDINFO");
      }
      describe(target, bits).write(rdinfo);
      return Outcome.success();
    } finally {
      target.releaseShared();
    }
  }

  private static Rdinfo describe(EpcPage target, int bits) {
    Secinfo page = Secinfo.ofFlags(EpcmEntry.flags(bits));
    return switch (target) {
      case ElrangePage(SecsPage secs, long _) ->
          new Rdinfo(false, false, page, EpcmEntry.blocked(bits), secs.context().get());
      case LooseFrame frame -> loose(frame.secs(), page);
    };
  }

  private static Rdinfo loose(@Nullable SecsPage secs, Secinfo page) {
    return secs == null
        ? new Rdinfo(false, false, page, false, 0)
        : new Rdinfo(secs.hasChildren(), secs.virtualChildren().get() != 0, page, false, secs.context().get());
  }
}
