package org.enclavisor.monitor.leaf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ProcessorSlot;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * ENCLU[ERESUME]: goes on where an asynchronous exit has left off (SDM 3D, “ERESUME—Re-Enters an Enclave”). In two
 * halves, like {@link Eenter}; the second can still fail, in XRSTOR.
 *
 * <p>A thread that wants to be told of asynchronous exits (AEX-Notify) is entered as by EENTER instead, in the frame
 * above. RCX is then the address behind the ERESUME, as after EENTER: the pseudo-code, taken to the letter, would load
 * the new RIP.
 */
public final class Eresume {
  private static final long FS_BASE = 168;
  private static final long GS_BASE = 176;

  private Eresume() {}

  /**
   * All checks but that of the extended state. If it answers null, the caller owns the TCS, locked, and has to {@link
   * #commit} or unlock it.
   *
   * @param tcs what is at {@code rbx}, or null if that is no TCS
   * @param rbx linear address of the TCS
   * @param rcx the AEP
   */
  public static Outcome.@Nullable Fault check(Cpu cpu, SecsPage secs, @Nullable TcsPage tcs, long rbx, long rcx) {
    Outcome.Fault fault = Entry.checkBeforeLock(secs, tcs, rbx, rcx);
    if (fault != null) {
      return fault;
    }
    int was = tcs.lock();
    fault = checkLocked(cpu, secs, tcs, rbx, was);
    if (fault != null && was == TcsPage.INACTIVE) {
      tcs.unlock();
    }
    return fault;
  }

  private static Outcome.@Nullable Fault checkLocked(Cpu cpu, SecsPage secs, TcsPage tcs, long rbx, int was) {
    Outcome.Fault fault = Entry.checkTcs(secs, tcs, rbx, was);
    if (fault == null) {
      fault = Entry.checkEnclave(cpu, secs, tcs);
    }
    if (fault != null) {
      return fault;
    }
    if (tcs.cssa == 0) {
      return Outcome.gp("TCS.CSSA=0: there is nothing to resume");
    }
    long ssa = secs.frame().offset(tcs.ossa, tcs.cssa - 1);
    fault = Entry.checkFrame(secs, ssa);
    if (fault != null) {
      return fault;
    }
    if (was == TcsPage.ACTIVE) {
      // The manual asks this last. The questions in between have the same answer, and asking them means to read enclave
      // memory, which only the owner of a TCS may: it is what keeps that memory from being taken away.
      return Outcome.gp("the TCS at 0x%x is active".formatted(tcs.address));
    }
    MemorySegment memory = secs.memory().segment();
    long gpr = ssa + secs.frame().gprOffset();
    tcs.notified = tcs.aexNotify() && (memory.get(JAVA_BYTE, gpr + GprSgx.AEXNOTIFY_OFFSET) & 1) != 0;
    if (tcs.notified) {
      fault = checkNotified(secs, tcs);
      return fault != null ? fault : target(tcs, secs.base() + tcs.oentry, secs.base() + tcs.ofsBase,
          secs.base() + tcs.ogsBase);
    }
    tcs.ssa = ssa;
    return target(
        tcs,
        memory.get(JAVA_LONG_UNALIGNED, gpr + GprSgx.RIP_OFFSET),
        memory.get(JAVA_LONG_UNALIGNED, gpr + FS_BASE),
        memory.get(JAVA_LONG_UNALIGNED, gpr + GS_BASE));
  }

  /** What is asked of the frame that the next exit will use, if the thread is told of the last one. */
  private static Outcome.@Nullable Fault checkNotified(SecsPage secs, TcsPage tcs) {
    if (Integer.compareUnsigned(tcs.cssa, tcs.nssa) >= 0) {
      return Outcome.gp(
          "TCS.CSSA=%s: to tell the thread of its exit takes less than NSSA=%s"
              .formatted(Integer.toUnsignedString(tcs.cssa), Integer.toUnsignedString(tcs.nssa)));
    }
    long ssa = secs.frame().offset(tcs.ossa, tcs.cssa);
    Outcome.Fault fault = Entry.checkFrame(secs, ssa);
    tcs.ssa = ssa;
    return fault;
  }

  private static Outcome.@Nullable Fault target(TcsPage tcs, long rip, long fsBase, long gsBase) {
    if (!Cpu.canonical(rip)) {
      return Outcome.gp("RIP=0x%x, where to resume, is not canonical".formatted(rip));
    }
    if (!Cpu.canonical(fsBase) || !Cpu.canonical(gsBase)) {
      return Outcome.gp("FS base 0x%x or GS base 0x%x to resume with is not canonical".formatted(fsBase, gsBase));
    }
    tcs.resumeRip = rip;
    tcs.resumeFsBase = fsBase;
    tcs.resumeGsBase = gsBase;
    return null;
  }

  /**
   * Enters: the registers become the enclave's. The caller owns the TCS, locked, with a processor. If it answers a
   * fault, the TCS is unlocked and the registers are unchanged.
   */
  public static Outcome.@Nullable Fault commit(
      Cpu cpu, SecsPage secs, TcsPage tcs, ProcessorSlot slot, long aep, Registers r) {
    if (tcs.notified) {
      Eenter.commit(secs, tcs, slot, aep, r);
      return null;
    }
    MemorySegment memory = secs.memory().segment();
    MemorySegment area = slot.processor.extendedState();
    Outcome.Fault fault = XsaveArea.restore(cpu.xsave(), secs.xfrm(), memory, tcs.ssa, area);
    if (fault != null) {
      // The area may be half overwritten; whoever enters next loads something else.
      slot.extended = Extended.LOAD;
      tcs.unlock();
      return fault;
    }
    slot.extended = Extended.LOAD;
    tcs.activate();
    Entry.save(tcs, aep, r);
    long gpr = tcs.ssa + secs.frame().gprOffset();
    r.rax = memory.get(JAVA_LONG_UNALIGNED, gpr);
    r.rcx = memory.get(JAVA_LONG_UNALIGNED, gpr + 8);
    r.rdx = memory.get(JAVA_LONG_UNALIGNED, gpr + 16);
    r.rbx = memory.get(JAVA_LONG_UNALIGNED, gpr + 24);
    r.rsp = memory.get(JAVA_LONG_UNALIGNED, gpr + 32);
    r.rbp = memory.get(JAVA_LONG_UNALIGNED, gpr + 40);
    r.rsi = memory.get(JAVA_LONG_UNALIGNED, gpr + 48);
    r.rdi = memory.get(JAVA_LONG_UNALIGNED, gpr + 56);
    r.r8 = memory.get(JAVA_LONG_UNALIGNED, gpr + 64);
    r.r9 = memory.get(JAVA_LONG_UNALIGNED, gpr + 72);
    r.r10 = memory.get(JAVA_LONG_UNALIGNED, gpr + 80);
    r.r11 = memory.get(JAVA_LONG_UNALIGNED, gpr + 88);
    r.r12 = memory.get(JAVA_LONG_UNALIGNED, gpr + 96);
    r.r13 = memory.get(JAVA_LONG_UNALIGNED, gpr + 104);
    r.r14 = memory.get(JAVA_LONG_UNALIGNED, gpr + 112);
    r.r15 = memory.get(JAVA_LONG_UNALIGNED, gpr + 120);
    // TF stays the host's on an opt-in entry and is clear on an opt-out one; the other flags of user code come back.
    long restored = Entry.USER_FLAGS & ~Entry.TF | Entry.RF;
    long saved = memory.get(JAVA_LONG_UNALIGNED, gpr + 128);
    r.rflags = saved & restored | Entry.FIXED_FLAGS | (tcs.optIn() ? tcs.savedTf : 0);
    r.rip = tcs.resumeRip;
    r.fsBase = tcs.resumeFsBase;
    r.gsBase = tcs.resumeGsBase;
    tcs.cssa--;
    return null;
  }
}
