package org.enclavisor.monitor;

import org.enclavisor.isa.EnclvLeaf;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.leaf.Cpu;
import org.enclavisor.monitor.leaf.Esetcontext;
import org.enclavisor.monitor.leaf.Evirtchild;
import org.enclavisor.monitor.leaf.Operands;

/**
 * The ENCLV instruction (SDM 3D, “ENCLV—Execute an Enclave VMM Function of Specified Leaf Number”): what a hypervisor
 * does to enclaves of its virtual machines. It is executed as in VMX root operation, where VIRTCHILDCNT is kept but no
 * other leaf asks for it. Thread-safe, as {@link Encls} is.
 */
public final class Enclv {
  private final Cpu cpu;
  private final Epc epc;

  Enclv(Cpu cpu, Epc epc) {
    this.cpu = cpu;
    this.epc = epc;
  }

  /** Executes a leaf, for those who are not part of the monitor. */
  public Outcome execute(int number, EnclsRegisters r, LinearMemory memory) {
    return execute(number, r, memory.operands());
  }

  /**
   * Executes a leaf.
   *
   * @param number EAX
   * @param r RBX, RCX and RDX
   * @param memory what their addresses outside the EPC mean
   */
  public Outcome execute(int number, EnclsRegisters r, Operands memory) {
    if (!cpu.has(SgxFeature.ENCLV)) {
      return new Outcome.Fault(Vector.UD, 0, 0, "ENCLV is not there: CPUID.12H.0:EAX[5] is 0");
    }
    EnclvLeaf leaf = EnclvLeaf.of(number).orElse(null);
    return switch (leaf) {
      case EDECVIRTCHILD -> Evirtchild.decrement(epc, r.rbx, r.rcx);
      case EINCVIRTCHILD -> Evirtchild.increment(epc, r.rbx, r.rcx);
      case ESETCONTEXT -> Esetcontext.execute(epc, memory, r.rcx, r.rdx);
      case null -> Outcome.gp("ENCLV leaf 0x%x: not there".formatted(number));
    };
  }
}
