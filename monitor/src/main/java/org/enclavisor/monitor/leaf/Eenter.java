package org.enclavisor.monitor.leaf;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ProcessorSlot;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.epc.XsaveLayout;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * ENCLU[EENTER]: enters an enclave (SDM 3D, “EENTER—Enters an Enclave”).
 *
 * <p>In two halves, so that the monitor's gate can decide between them: {@link #check} asks everything and leaves the
 * TCS locked, {@link #commit} cannot fail. The hot path of the whole monitor: it allocates nothing.
 */
public final class Eenter {
  private Eenter() {}

  /**
   * All checks. If it answers null, the caller owns the TCS, locked, and has to {@link #commit} or unlock it.
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
    if (fault != null) {
      return fault;
    }
    long fsBase = secs.base() + tcs.ofsBase;
    long gsBase = secs.base() + tcs.ogsBase;
    if (!Cpu.canonical(fsBase) || !Cpu.canonical(gsBase)) {
      return Outcome.gp("FS base 0x%x or GS base 0x%x is not canonical".formatted(fsBase, gsBase));
    }
    fault = Entry.checkEnclave(cpu, secs, tcs);
    if (fault != null) {
      return fault;
    }
    if (Integer.compareUnsigned(tcs.cssa, tcs.nssa) >= 0) {
      return Outcome.gp(
          "TCS.CSSA=%s: expected less than NSSA=%s"
              .formatted(Integer.toUnsignedString(tcs.cssa), Integer.toUnsignedString(tcs.nssa)));
    }
    long ssa = secs.frame().offset(tcs.ossa, tcs.cssa);
    fault = Entry.checkFrame(secs, ssa);
    if (fault != null) {
      return fault;
    }
    long target = secs.base() + tcs.oentry;
    if (!Cpu.canonical(target)) {
      return Outcome.gp("entry point 0x%x is not canonical".formatted(target));
    }
    if (was == TcsPage.ACTIVE) {
      return Outcome.gp("the TCS at 0x%x is active".formatted(tcs.address));
    }
    tcs.ssa = ssa;
    return null;
  }

  /** Enters: the registers become the enclave's. The caller owns the TCS, locked, with a processor. */
  public static void commit(SecsPage secs, TcsPage tcs, ProcessorSlot slot, long aep, Registers registers) {
    tcs.activate();
    Entry.save(tcs, aep, registers);
    registers.rcx = registers.rip + EncluInstruction.BYTES;
    registers.rip = secs.base() + tcs.oentry;
    registers.rax = Integer.toUnsignedLong(tcs.cssa);
    // RBX is the leaf's operand, so it still holds the TCS inside: runtimes find their stack from it.
    registers.rbx = tcs.address;
    MemorySegment memory = secs.memory().segment();
    long gpr = tcs.ssa + secs.frame().gprOffset();
    memory.set(JAVA_LONG_UNALIGNED, gpr + GprSgx.URSP_OFFSET, registers.rsp);
    memory.set(JAVA_LONG_UNALIGNED, gpr + GprSgx.URBP_OFFSET, registers.rbp);
    registers.fsBase = secs.base() + tcs.ofsBase;
    registers.gsBase = secs.base() + tcs.ogsBase;
    registers.rflags = registers.rflags & Entry.USER_FLAGS | Entry.FIXED_FLAGS;
    if (!tcs.optIn()) {
      registers.rflags &= ~Entry.TF;
    }
    if (slot.extended == Extended.LOAD) {
      // The last exit was asynchronous: what it saved must not be there when the handler inside starts.
      initialState(slot.processor.extendedState());
    }
  }

  /** The initial configuration of all state components. */
  static void initialState(MemorySegment area) {
    area.asSlice(0, XsaveLayout.LEGACY_AND_HEADER).fill((byte) 0);
    XsaveArea.initialX87(area);
    area.set(XsaveArea.U32, XsaveLayout.MXCSR, XsaveArea.MXCSR_INIT);
  }
}
