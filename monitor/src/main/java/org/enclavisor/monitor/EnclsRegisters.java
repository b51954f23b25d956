package org.enclavisor.monitor;

/** The registers that ENCLS and ENCLV leaves take their operands from, and leave results in. Confined to one thread. */
public final class EnclsRegisters {
  /** RBX. */
  public long rbx;

  /** RCX. */
  public long rcx;

  /** RDX. */
  public long rdx;

  /** With these operands. */
  public static EnclsRegisters of(long rbx, long rcx, long rdx) {
    EnclsRegisters registers = new EnclsRegisters();
    registers.rbx = rbx;
    registers.rcx = rcx;
    registers.rdx = rdx;
    return registers;
  }
}
