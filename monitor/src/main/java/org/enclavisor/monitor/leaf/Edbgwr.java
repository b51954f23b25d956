package org.enclavisor.monitor.leaf;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Tcs;
import org.enclavisor.monitor.EnclsRegisters;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.TcsPage;

/**
 * ENCLS[EDBGWR]: writes 8 bytes of a debug enclave, whatever the permissions of their page (SDM 3D, “EDBGWR—Write to a
 * Debug Enclave”). Of a TCS, FLAGS alone.
 */
public final class Edbgwr {
  private static final int PAGE = 4096;

  private Edbgwr() {}

  /**
   * @param r RCX is the address of the word in an EPC page; RBX is what is written
   */
  public static Outcome execute(Epc epc, EnclsRegisters r) {
    return write(epc, r.rcx, MemorySegment.ofArray(new long[] {r.rbx}));
  }

  /**
   * The leaf for neighbouring words, as if it were executed for one after the other, but faster.
   *
   * @param rcx address of the first word
   * @param from a positive whole number of words that lie in one EPC page; of a TCS, one
   */
  public static Outcome write(Epc epc, long rcx, MemorySegment from) {
    Outcome.Fault misaligned = Edbgrd.checkAlignment(rcx);
    if (misaligned != null) {
      return misaligned;
    }
    EpcPage target = epc.resolve(rcx);
    if (target == null) {
      return Operands.outside(rcx);
    }
    if (!target.tryShared()) {
      return Operands.busy(rcx & -PAGE);
    }
    try {
      int bits = target.bits();
      Outcome refused = Edbgrd.checkPage(bits, false, rcx);
      if (refused != null) {
        return refused;
      }
      return enclavePage((ElrangePage) target, bits, (int) rcx & (PAGE - 1), from);
    } finally {
      target.releaseShared();
    }
  }

  private static Outcome enclavePage(ElrangePage target, int bits, int within, MemorySegment from) {
    TcsPage tcs = EpcmEntry.is(bits, PageType.TCS) ? target.secs().threads().get(target.page()) : null;
    if (tcs != null && within != Tcs.FLAGS_OFFSET) {
      return Outcome.gp("offset 0x%x of a TCS: expected that of FLAGS".formatted(within));
    }
    Outcome.Fault refused = Edbgrd.checkDebug(target);
    if (refused != null) {
      return refused;
    }
    if (tcs != null) {
      tcs.flags(from.get(JAVA_LONG_UNALIGNED, 0));
    } else {
      MemorySegment.copy(from, 0, target.secs().memory().segment(), target.offset() + within, from.byteSize());
      target.secs().translations().written(target.page());
    }
    return Outcome.success();
  }
}
