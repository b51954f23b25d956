package org.enclavisor.monitor.leaf;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;

/** ENCLV[ESETCONTEXT]: sets what ERDINFO tells of an enclave (SDM 3D, “ESETCONTEXT—Set the ENCLAVECONTEXT Field in SECS”). */
public final class Esetcontext {
  private static final int PAGE = 4096;
  private static final int CONTEXT = 8;

  private Esetcontext() {}

  /**
   * @param rcx address of the SECS
   * @param rdx address of the context, 8 bytes
   */
  public static Outcome execute(Epc epc, Operands operands, long rcx, long rdx) {
    if ((rcx & (PAGE - 1)) != 0) {
      return Operands.misaligned(rcx);
    }
    EpcPage target = epc.resolve(rcx);
    if (target == null) {
      return Operands.outside(rcx);
    }
    if ((rdx & (CONTEXT - 1)) != 0) {
      return Outcome.gp("context at 0x%x is not aligned to 8 bytes".formatted(rdx));
    }
    MemorySegment context = operands.copy(rdx, CONTEXT);
    if (context == null) {
      return Operands.notMapped(rdx, "the context");
    }
    if (!target.tryShared()) {
      return Operands.conflict(rcx);
    }
    try {
      if (!EpcmEntry.valid(target.bits())) {
        return Operands.epc(rcx, "EPC page 0x%x is not valid".formatted(rcx));
      }
      if (!(target instanceof LooseFrame frame) || !(frame.secs() instanceof SecsPage secs)) {
        return Operands.epc(rcx, "EPC page 0x%x is PT_%s".formatted(rcx, EpcmEntry.type(target.bits())));
      }
      secs.context().set(context.get(JAVA_LONG_UNALIGNED, 0));
      return Outcome.success();
    } finally {
      target.releaseShared();
    }
  }
}
