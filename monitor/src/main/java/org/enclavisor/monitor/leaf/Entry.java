package org.enclavisor.monitor.leaf;

import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Tcs;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/** What EENTER and ERESUME have in common. Nothing here allocates but to refuse. */
final class Entry {
  /** RFLAGS.TF. */
  static final long TF = 1L << 8;

  /** RFLAGS.RF. */
  static final long RF = 1L << 16;

  /** CF, PF, AF, ZF, SF, OF. */
  static final long STATUS = 0x8D5;

  /** What user code can have in RFLAGS: the status flags, TF, DF, NT, AC and ID. */
  static final long USER_FLAGS = STATUS | TF | 1L << 10 | 1L << 14 | 1L << 18 | 1L << 21;

  /** Bit 1, always set, and IF. */
  static final long FIXED_FLAGS = 0x202;

  private static final int PAGE = 4096;

  private Entry() {}

  /** All that is asked before the TCS is locked. If it answers null, there is a TCS. */
  static Outcome.@Nullable Fault checkBeforeLock(SecsPage secs, @Nullable TcsPage tcs, long rbx, long rcx) {
    Outcome.Fault fault = checkOperands(secs, rbx, rcx);
    if (fault != null) {
      return fault;
    }
    if (tcs == null) {
      fault = checkEpcm(secs, rbx);
      return fault != null ? fault : Outcome.pf(rbx, false, "the page at 0x%x is not PT_TCS".formatted(rbx));
    }
    // Asked before and after: before, so that whoever waits for all threads to be out is not kept by those who knock.
    return checkExclusive(secs);
  }

  /** What both ask first of a TCS whose lock was tried: concurrency, EPCM, alignments. */
  static Outcome.@Nullable Fault checkTcs(SecsPage secs, TcsPage tcs, long rbx, int was) {
    Outcome.Fault fault = checkConcurrency(secs, tcs, was);
    if (was == TcsPage.INACTIVE) {
      // Before the first look at an entry that the thread will rely on: whoever blocks a page behind it waits for it.
      tcs.entersAt(secs.tracking().epoch());
    }
    if (fault == null) {
      fault = checkPage(secs, tcs);
    }
    return fault != null ? fault : checkAlignments(tcs);
  }

  /** Operands, before the TCS is looked at. */
  private static Outcome.@Nullable Fault checkOperands(SecsPage secs, long rbx, long rcx) {
    if ((rbx & (PAGE - 1)) != 0) {
      return Outcome.gp("TCS at 0x%x is not aligned to 4096 bytes".formatted(rbx));
    }
    if (!secs.contains(rbx)) {
      return Outcome.pf(rbx, false, "TCS at 0x%x is not in the EPC".formatted(rbx));
    }
    if (!Cpu.canonical(rcx)) {
      return Outcome.gp("AEP=0x%x is not canonical".formatted(rcx));
    }
    return null;
  }

  /** The concurrency checks on a TCS whose lock was tried. */
  private static Outcome.@Nullable Fault checkConcurrency(SecsPage secs, TcsPage tcs, int was) {
    if (was == TcsPage.LOCKED) {
      return Outcome.gp("another leaf works on the TCS at 0x%x".formatted(tcs.address));
    }
    return checkExclusive(secs);
  }

  /** Whether another leaf has the SECS to itself. */
  private static Outcome.@Nullable Fault checkExclusive(SecsPage secs) {
    return secs.exclusive() ? Outcome.gp("another leaf works on the SECS") : null;
  }

  /** The EPCM entry of a TCS. */
  private static Outcome.@Nullable Fault checkEpcm(SecsPage secs, long rbx) {
    int bits = secs.bits(rbx);
    if (!EpcmEntry.valid(bits)) {
      return Outcome.pf(rbx, false, "the page at 0x%x is not valid".formatted(rbx));
    }
    if (EpcmEntry.blocked(bits)) {
      return Outcome.pf(rbx, false, "the page at 0x%x is blocked".formatted(rbx));
    }
    if (!EpcmEntry.is(bits, PageType.TCS)) {
      return Outcome.pf(rbx, false, "the page at 0x%x is not PT_TCS".formatted(rbx));
    }
    if (EpcmEntry.pendingOrModified(bits)) {
      return Outcome.pf(rbx, false, "the page at 0x%x is pending or modified".formatted(rbx));
    }
    return null;
  }

  /** The EPCM entry of a TCS that was found before: it may be gone, and another be there. */
  static Outcome.@Nullable Fault checkPage(SecsPage secs, TcsPage tcs) {
    Outcome.Fault fault = checkEpcm(secs, tcs.address);
    return fault != null || secs.threads().get(tcs.page) == tcs
        ? fault
        : Outcome.pf(tcs.address, false, "the TCS at 0x%x has gone meanwhile".formatted(tcs.address));
  }

  /** What a TCS says of itself. */
  private static Outcome.@Nullable Fault checkAlignments(TcsPage tcs) {
    if ((tcs.ossa & (PAGE - 1)) != 0) {
      return Outcome.gp("TCS.OSSA=0x%x is not aligned to 4096 bytes".formatted(tcs.ossa));
    }
    if ((tcs.ofsBase & (PAGE - 1)) != 0 || (tcs.ogsBase & (PAGE - 1)) != 0) {
      return Outcome.gp(
          "TCS.OFSBASGX=0x%x OGSBASGX=0x%x: expected multiples of 4096".formatted(tcs.ofsBase, tcs.ogsBase));
    }
    return null;
  }

  /** From the FLAGS of the TCS to AEXNOTIFY. */
  static Outcome.@Nullable Fault checkEnclave(Cpu cpu, SecsPage secs, TcsPage tcs) {
    long known = (cpu.attributes() & Attributes.AEXNOTIFY) != 0 ? Tcs.DBGOPTIN | Tcs.AEXNOTIFY : Tcs.DBGOPTIN;
    if ((tcs.flags() & ~known) != 0) {
      return Outcome.gp("TCS.FLAGS=0x%x has reserved bits set".formatted(tcs.flags()));
    }
    if (!secs.initialised()) {
      return Outcome.gp("the enclave is not initialised");
    }
    if ((secs.attributes().flags() & Attributes.MODE64BIT) == 0) {
      return Outcome.gp("SECS.ATTRIBUTES.MODE64BIT=0: the processor is in 64-bit mode");
    }
    long xcr0 = cpu.xsave().xcr0();
    if ((secs.xfrm() & ~xcr0) != 0) {
      return Outcome.gp("SECS.ATTRIBUTES.XFRM=0x%x: not a subset of XCR0=0x%x".formatted(secs.xfrm(), xcr0));
    }
    boolean notify = (secs.attributes().flags() & Attributes.AEXNOTIFY) != 0;
    if (!tcs.optIn() && tcs.aexNotify() != notify) {
      return Outcome.gp("TCS.FLAGS.AEXNOTIFY=%b: SECS.ATTRIBUTES has %b".formatted(tcs.aexNotify(), notify));
    }
    return null;
  }

  /** The pages of one SSA frame: those of the XSAVE area, then that of the GPR area. */
  static Outcome.@Nullable Fault checkFrame(SecsPage secs, long ssa) {
    long end = ssa + secs.xsaveBytes();
    for (long page = ssa; page < end; page += PAGE) {
      Outcome.Fault fault = EnclaveOperand.ssaPage(secs, secs.base() + page);
      if (fault != null) {
        return fault;
      }
    }
    return EnclaveOperand.ssaPage(secs, secs.base() + ssa + secs.frame().gprOffset());
  }

  /** Saves what the way out will need. */
  static void save(TcsPage tcs, long aep, Registers registers) {
    tcs.aep = aep;
    tcs.savedFsBase = registers.fsBase;
    tcs.savedGsBase = registers.gsBase;
    tcs.savedTf = registers.rflags & TF;
  }
}
