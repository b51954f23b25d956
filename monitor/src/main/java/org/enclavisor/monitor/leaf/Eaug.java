package org.enclavisor.monitor.leaf;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.jspecify.annotations.Nullable;

/**
 * ENCLS[EAUG]: adds a page of zeroes to an initialised enclave, which has to accept it (SDM 3D, “EAUG—Add a Page to an
 * Initialized Enclave”).
 *
 * <p>A SECINFO is for shadow stacks; without CET every one is #GP(0).
 */
public final class Eaug {
  private static final int PAGE = 4096;

  private Eaug() {}

  /**
   * @param rbx address of a PAGEINFO
   * @param rcx address of the destination, an empty EPC page
   */
  public static Outcome execute(Epc epc, Operands operands, long rbx, long rcx) {
    Outcome.Fault operand = Operands.checkPageinfoAndPage(rbx, rcx);
    if (operand != null) {
      return operand;
    }
    EpcPage target = epc.resolve(rcx);
    if (target == null) {
      return Operands.outside(rcx);
    }
    MemorySegment pageinfoBytes = operands.copy(rbx, Pageinfo.BYTES);
    if (pageinfoBytes == null) {
      return Operands.notMapped(rbx, "PAGEINFO");
    }
    Pageinfo pageinfo = Pageinfo.read(pageinfoBytes);
    Outcome.Fault malformed = checkPageinfo(pageinfo);
    if (malformed != null) {
      return malformed;
    }
    EpcPage secsPage = epc.resolve(pageinfo.secs());
    if (secsPage == null) {
      return Operands.epc(pageinfo.secs(), "PAGEINFO.SECS=0x%x is not in the EPC".formatted(pageinfo.secs()));
    }
    if (!target.tryExclusive()) {
      return Operands.busy(rcx);
    }
    try {
      if (EpcmEntry.valid(target.bits())) {
        return Operands.epc(rcx, "EPC page 0x%x is valid already".formatted(rcx));
      }
      if (pageinfo.secinfo() != 0) {
        return secinfo(operands, pageinfo.secinfo());
      }
      if (!secsPage.tryShared()) {
        return Operands.busy(pageinfo.secs());
      }
      try {
        return augment(pageinfo, target, secsPage);
      } finally {
        secsPage.releaseShared();
      }
    } finally {
      target.releaseExclusive();
    }
  }

  private static Outcome.@Nullable Fault checkPageinfo(Pageinfo pageinfo) {
    if ((pageinfo.secinfo() & (Secinfo.ALIGNMENT - 1)) != 0) {
      return Outcome.gp("PAGEINFO.SECINFO=0x%x is not aligned to 64 bytes".formatted(pageinfo.secinfo()));
    }
    if ((pageinfo.secs() & (PAGE - 1)) != 0) {
      return Outcome.gp("PAGEINFO.SECS=0x%x is not aligned to 4096 bytes".formatted(pageinfo.secs()));
    }
    if ((pageinfo.linAddr() & (PAGE - 1)) != 0) {
      return Outcome.gp("PAGEINFO.LINADDR=0x%x is not aligned to 4096 bytes".formatted(pageinfo.linAddr()));
    }
    if (pageinfo.srcPge() != 0) {
      return Outcome.gp("PAGEINFO.SRCPGE=0x%x: expected 0".formatted(pageinfo.srcPge()));
    }
    return null;
  }

  /** A SECINFO is read, and then none is good. */
  private static Outcome secinfo(Operands operands, long address) {
    return operands.copy(address, Secinfo.BYTES) == null
        ? Operands.notMapped(address, "SECINFO")
        : Outcome.gp("PAGEINFO.SECINFO=0x%x: expected 0, there are no shadow stacks".formatted(address));
  }

  private static Outcome augment(Pageinfo pageinfo, EpcPage target, EpcPage secsPage) {
    SecsPage secs = secsPage instanceof LooseFrame frame ? frame.secs() : null;
    if (secs == null) {
      return Operands.epc(pageinfo.secs(), "PAGEINFO.SECS=0x%x is not a SECS".formatted(pageinfo.secs()));
    }
    if (!secs.initialised()) {
      return Outcome.gp("the enclave is not initialised");
    }
    if (!secs.contains(pageinfo.linAddr())) {
      return Eadd.outside(pageinfo.linAddr(), secs);
    }
    if (target instanceof LooseFrame) {
      return Outcome.gp("the EPC page is not available: it is one of no ELRANGE");
    }
    Outcome.Fault elsewhere = Operands.checkHome(target, secs, pageinfo.linAddr());
    if (elsewhere != null) {
      return elsewhere;
    }
    // Its bytes are zero: a page without a valid entry has none.
    secs.pages().set(((ElrangePage) target).page(), 1, EpcmEntry.AUGMENTED);
    return Outcome.success();
  }
}
