package org.enclavisor.monitor.leaf;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.ExInfo;
import org.enclavisor.isa.ExitInfo;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.epc.ProcessorSlot;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/** Asynchronous enclave exit (SDM 3D, “Enclave Exiting Events”: “AEX Operational Detail” and “Synthetic State”). */
public final class Aex {
  /** Bits of an address that an enclave does not show: where in a page it faulted. */
  private static final long PAGE_OFFSET = 0xFFF;

  private Aex() {}

  /** CR2 as the host sees it. */
  public static long outsideAddress(long address) {
    return address & ~PAGE_OFFSET;
  }

  /**
   * Saves the enclave's registers in its SSA, makes the registers the synthetic ones and gives the TCS up. The
   * processor's extended state must be that of the exit.
   *
   * @param registers as they were at the exit
   * @param vector the exception, or null for an interrupt
   * @param errorCode of the exception
   * @param address CR2 of a page fault
   */
  public static void execute(
      Cpu cpu,
      SecsPage secs,
      TcsPage tcs,
      ProcessorSlot slot,
      Registers registers,
      @Nullable Vector vector,
      int errorCode,
      long address) {
    MemorySegment memory = secs.memory().segment();
    long gpr = tcs.ssa + secs.frame().gprOffset();
    saveGprs(memory, gpr, registers, isFault(vector) ? Entry.RF : 0);
    XsaveArea.save(cpu.xsave(), secs.xfrm(), slot.processor.extendedState(), memory, tcs.ssa);
    slot.extended = Extended.LOAD;

    ExitInfo exitInfo = vector == null ? ExitInfo.NONE : ExitInfo.of(vector, secs.miscSelect());
    memory.set(JAVA_INT_UNALIGNED, gpr + GprSgx.EXITINFO_OFFSET, exitInfo.bits());
    if ((vector == Vector.PF || vector == Vector.GP) && secs.miscSelect().has(MiscSelect.EXINFO)) {
      new ExInfo(vector == Vector.PF ? address : 0, errorCode)
          .write(memory.asSlice(tcs.ssa + secs.frame().exInfoOffset(), ExInfo.BYTES));
    }

    synthesise(tcs, registers, memory.get(JAVA_LONG_UNALIGNED, gpr + GprSgx.URSP_OFFSET),
        memory.get(JAVA_LONG_UNALIGNED, gpr + GprSgx.URBP_OFFSET));
    tcs.cssa++;
    tcs.counts.asynchronousExit(vector);
    tcs.leave();
  }

  /** Whether an exception is reported before its instruction: RF is set then, where the flags are saved. */
  private static boolean isFault(@Nullable Vector vector) {
    return switch (vector) {
      case DE, BR, UD, NM, TS, NP, SS, GP, PF, MF, AC, XM, VE, CP, HV, VC, SX -> true;
      case DB, NMI, BP, OF, DF, MC -> false;
      case null -> false;
    };
  }

  private static void saveGprs(MemorySegment memory, long gpr, Registers r, long rf) {
    memory.set(JAVA_LONG_UNALIGNED, gpr, r.rax);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 8, r.rcx);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 16, r.rdx);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 24, r.rbx);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 32, r.rsp);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 40, r.rbp);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 48, r.rsi);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 56, r.rdi);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 64, r.r8);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 72, r.r9);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 80, r.r10);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 88, r.r11);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 96, r.r12);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 104, r.r13);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 112, r.r14);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 120, r.r15);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 128, r.rflags & ~Entry.TF | rf);
    memory.set(JAVA_LONG_UNALIGNED, gpr + GprSgx.RIP_OFFSET, r.rip);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 168, r.fsBase);
    memory.set(JAVA_LONG_UNALIGNED, gpr + 176, r.gsBase);
  }

  /** What the host sees instead of the enclave's registers: enough to ERESUME, and nothing of the enclave. */
  private static void synthesise(TcsPage tcs, Registers r, long rsp, long rbp) {
    r.rax = EncluLeaf.ERESUME.code();
    r.rbx = tcs.address;
    r.rcx = tcs.aep;
    r.rdx = 0;
    r.rsi = 0;
    r.rdi = 0;
    r.rsp = rsp;
    r.rbp = rbp;
    r.r8 = 0;
    r.r9 = 0;
    r.r10 = 0;
    r.r11 = 0;
    r.r12 = 0;
    r.r13 = 0;
    r.r14 = 0;
    r.r15 = 0;
    r.rip = tcs.aep;
    r.rflags &= ~(Entry.STATUS | Entry.RF);
    if (!tcs.optIn()) {
      r.rflags = r.rflags & ~Entry.TF | tcs.savedTf;
    }
    r.fsBase = tcs.savedFsBase;
    r.gsBase = tcs.savedGsBase;
  }
}
