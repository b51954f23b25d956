package org.enclavisor.monitor;

import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.spi.Exit;

/** What a processor with SGX would have made of an exception that the machine reports. */
final class MachineFault {
  private static final int PAGE = 4096;

  private MachineFault() {}

  /**
   * The exception that the enclave and its host are told of.
   *
   * @param tcs of the thread
   * @param rip of the instruction
   * @param bits the EPCM entry of the page at the fault's address
   * @param machine what the machine says
   */
  static Outcome.Fault architectural(
      SecsPage secs, TcsPage tcs, HostMappings host, long rip, int bits, Exit.Fault machine) {
    Vector vector = Vector.of(machine.vector()).orElse(Vector.GP);
    if (undefined(secs, tcs, rip, vector, machine.errorCode())) {
      return new Outcome.Fault(Vector.UD, 0, 0, "an instruction that is illegal inside an enclave");
    }
    if (vector != Vector.PF) {
      return new Outcome.Fault(vector, machine.errorCode(), 0, "");
    }
    if (!secs.contains(rip)) {
      // In enclave mode, fetching from outside the ELRANGE is not allowed at all.
      return Outcome.gp("execution outside the ELRANGE");
    }
    long address = machine.address();
    if (!secs.contains(address)) {
      return new Outcome.Fault(vector, machine.errorCode() & ~Outcome.Fault.SGX, address, "");
    }
    long page = (address - secs.base()) / PAGE;
    return new Outcome.Fault(vector, PageFault.errorCode(host, page, bits, machine.errorCode()), address, "");
  }

  /** Whether the instruction is none in enclave mode, whatever the machine objected to. */
  private static boolean undefined(SecsPage secs, TcsPage tcs, long rip, Vector vector, int errorCode) {
    return switch (vector) {
      // After an opt-out entry, INT3 is no instruction.
      case BP -> !tcs.optIn();
      // In 64-bit mode these have an error code only if they come of INT n or of a segment register.
      case GP, NP, SS, TS ->
          errorCode != 0
              || secs.contains(rip) && IllegalInstruction.at(secs.memory().segment(), rip - secs.base());
      default -> false;
    };
  }
}
