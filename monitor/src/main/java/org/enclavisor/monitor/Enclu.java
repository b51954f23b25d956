package org.enclavisor.monitor;

import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.leaf.Cpu;
import org.enclavisor.monitor.leaf.Eaccept;
import org.enclavisor.monitor.leaf.Eacceptcopy;
import org.enclavisor.monitor.leaf.Edeccssa;
import org.enclavisor.monitor.leaf.Egetkey;
import org.enclavisor.monitor.leaf.Emodpe;
import org.enclavisor.monitor.leaf.Ereport;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * The leaves of ENCLU after which enclave code goes on (SDM 3D, “ENCLU—Execute an Enclave User Function of Specified
 * Leaf Number”): which there are, and what of their outcome goes into registers.
 */
final class Enclu {
  /** CF, PF, AF, SF and OF, which leaves with a result clear. */
  private static final long CLEARED = 0x895;

  private static final long ZF = 1L << 6;

  private final Cpu cpu;

  Enclu(Cpu cpu) {
    this.cpu = cpu;
  }

  /**
   * Executes a leaf on the thread's registers, RIP apart.
   *
   * @return a fault, or else what the leaf has left in RAX and RFLAGS
   */
  Outcome execute(SecsPage secs, TcsPage tcs, Registers r) {
    int number = (int) r.rax;
    EncluLeaf leaf = EncluLeaf.of(number).orElse(null);
    if (leaf == null || !cpu.has(SgxFeature.of(leaf))) {
      return absent(number);
    }
    return switch (leaf) {
      case EREPORT -> silent(Ereport.execute(cpu, secs, r.rbx, r.rcx, r.rdx));
      case EGETKEY -> result(Egetkey.execute(cpu, secs, r.rbx, r.rcx), r);
      case EACCEPT -> result(Eaccept.execute(secs, r.rbx, r.rcx), r);
      case EMODPE -> silent(Emodpe.execute(secs, r.rbx, r.rcx));
      case EACCEPTCOPY -> result(Eacceptcopy.execute(secs, r.rbx, r.rcx, r.rdx), r);
      case EDECCSSA -> silent(Edeccssa.execute(secs, tcs));
      case EENTER, ERESUME, EEXIT, EVERIFYREPORT2 -> absent(number);
    };
  }

  /** The outcome of a leaf that leaves RAX and RFLAGS alone. */
  private static Outcome silent(Outcome.@Nullable Fault fault) {
    return fault == null ? Outcome.success() : fault;
  }

  private static Outcome result(Outcome outcome, Registers r) {
    switch (outcome) {
      case Outcome.Ok _ -> {
        r.rax = 0;
        r.rflags &= ~(CLEARED | ZF);
      }
      case Outcome.Error(var error, boolean _, String _) -> {
        r.rax = error.code();
        r.rflags = r.rflags & ~CLEARED | ZF;
      }
      case Outcome.Fault _ -> {}
    }
    return outcome;
  }

  private static Outcome.Fault absent(int number) {
    return new Outcome.Fault(
        Vector.GP, 0, 0, "ENCLU leaf 0x%x: not there, or not to be had inside".formatted(number));
  }
}
