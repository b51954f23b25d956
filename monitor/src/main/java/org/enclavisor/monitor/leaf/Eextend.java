package org.enclavisor.monitor.leaf;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.PageType;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;

/** ENCLS[EEXTEND]: measures 256 bytes (SDM 3D, “EEXTEND—Extend Uninitialized Enclave Measurement by 256 Bytes”). */
public final class Eextend {
  private static final int PAGE = 4096;
  private static final int CHUNK = Measurement.CHUNK_BYTES;

  private Eextend() {}

  /**
   * @param rbx address of the SECS
   * @param rcx address of the chunk in an EPC page
   */
  public static Outcome execute(Epc epc, long rbx, long rcx) {
    if ((rbx & (PAGE - 1)) != 0) {
      return Outcome.gp("SECS at 0x%x is not aligned to 4096 bytes".formatted(rbx));
    }
    // The manual's pseudo-code lacks a “not” here; its list of exceptions has it.
    EpcPage secsPage = epc.resolve(rbx);
    if (secsPage == null) {
      return Operands.outside(rbx);
    }
    if ((rcx & (CHUNK - 1)) != 0) {
      return Outcome.gp("chunk at 0x%x is not aligned to 256 bytes".formatted(rcx));
    }
    EpcPage target = epc.resolve(rcx);
    if (target == null) {
      return Operands.outside(rcx);
    }
    if (!target.tryShared()) {
      return Operands.busy(rcx & -PAGE);
    }
    try {
      return extend(secsPage, target, rbx, rcx);
    } finally {
      target.releaseShared();
    }
  }

  private static Outcome extend(EpcPage secsPage, EpcPage target, long rbx, long rcx) {
    int bits = target.bits();
    if (!EpcmEntry.valid(bits)) {
      return Operands.epc(rcx, "EPC page 0x%x is not valid".formatted(rcx & -PAGE));
    }
    boolean tcs = EpcmEntry.is(bits, PageType.TCS);
    if (!tcs && !EpcmEntry.is(bits, PageType.REG) || !(target instanceof ElrangePage(SecsPage secs, long page))) {
      return Operands.epc(rcx, "EPC page 0x%x is not PT_REG or PT_TCS".formatted(rcx & -PAGE));
    }
    if (!(secsPage instanceof LooseFrame frame) || frame.secs() != secs) {
      return Outcome.gp("SECS at 0x%x is not that of the chunk at 0x%x".formatted(rbx, rcx));
    }
    if (!secs.building().tryTake()) {
      return Outcome.gp("another leaf updates the measurement");
    }
    try {
      if (secs.initialised()) {
        return Outcome.gp("the enclave is initialised already");
      }
      long within = rcx & (PAGE - 1);
      TcsPage thread = tcs ? secs.threads().get(page) : null;
      MemorySegment chunk =
          thread != null
              ? MemorySegment.ofArray(thread.bytes()).asSlice(within, CHUNK)
              : secs.memory().segment().asSlice(page * PAGE + within, CHUNK);
      secs.measurement().eextend(page * PAGE + within, chunk);
      return Outcome.success();
    } finally {
      secs.building().release();
    }
  }
}
