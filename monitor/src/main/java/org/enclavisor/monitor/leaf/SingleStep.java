package org.enclavisor.monitor.leaf;

import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.spi.Registers;

/**
 * RFLAGS.TF on the borders of instructions that the monitor executes, not the machine (SDM 3D, “Single Step Debug” of
 * “Enclave Code Debug and Profiling”).
 */
public final class SingleStep {
  /** #DB as a trap: RIP is that of the next instruction. */
  public static final Outcome.Fault TRAP = new Outcome.Fault(Vector.DB, 0, 0, "single step");

  private SingleStep() {}

  /** Whether #DB is pending behind an EENTER, or behind an ENCLU inside: the entry was opt-in, and TF is set. */
  public static boolean pending(TcsPage tcs, Registers registers) {
    return (registers.rflags & Entry.TF) != 0 && tcs.optIn();
  }
}
