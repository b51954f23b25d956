package org.enclavisor.monitor.leaf;

import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/** ENCLU[EEXIT]: leaves an enclave (SDM 3D, “EEXIT—Exits an Enclave”). */
public final class Eexit {
  private Eexit() {}

  /** Makes the registers the host's again and gives the TCS up, or answers why not. */
  public static Outcome.@Nullable Fault execute(TcsPage tcs, Registers registers) {
    if (!Cpu.canonical(registers.rbx)) {
      return Outcome.gp("the target of EEXIT, 0x%x, is not canonical".formatted(registers.rbx));
    }
    registers.rip = registers.rbx;
    registers.rcx = tcs.aep;
    registers.fsBase = tcs.savedFsBase;
    registers.gsBase = tcs.savedGsBase;
    if (!tcs.optIn()) {
      registers.rflags = registers.rflags & ~Entry.TF | tcs.savedTf;
    }
    tcs.counts.exit();
    tcs.leave();
    return null;
  }
}
