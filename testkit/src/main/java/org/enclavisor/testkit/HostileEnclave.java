package org.enclavisor.testkit;

import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Reg.RDX;

import java.util.function.Consumer;
import org.enclavisor.isa.GprSgx;

/**
 * The frame around an attack: an enclave that does something, and whose handler, which runs at an entry after an
 * asynchronous exit, gets the thread out again, whatever state the attack left it in.
 */
final class HostileEnclave {
  /** GPRSGX of a thread's first SSA frame, from its TCS, where frames have one page. */
  private static final int FIRST_GPR = 0x2000 - GprSgx.BYTES;

  private static final int SAVED_RAX = FIRST_GPR;
  private static final int SAVED_RBX = FIRST_GPR + 24;
  private static final int SAVED_RFLAGS = FIRST_GPR + 128;
  private static final int SAVED_RIP = FIRST_GPR + (int) GprSgx.RIP_OFFSET;

  private HostileEnclave() {}

  /** The attack begins with the host's registers, but for RAX (0), RBX (TCS) and RCX (where to return to). */
  static SampleEnclave.Builder of(Consumer<Code> attack) {
    return SampleEnclave.of(c -> {
      var start = c.label();
      var body = c.label();
      c.jmp(start);
      long out = c.here();
      c.enclu().bind(start).cmp(RAX, 0).jz(body);
      // The handler makes ERESUME come to an EEXIT: its own registers are good, and RBX is the TCS.
      c.store(RBX, SAVED_RBX, RCX).mov(RDX, 4).store(RBX, SAVED_RAX, RDX);
      c.mov(RDX, 0x202).store(RBX, SAVED_RFLAGS, RDX);
      c.rdgsbase(RDX).add(RDX, (int) (out - SampleEnclave.GS_BASE)).store(RBX, SAVED_RIP, RDX);
      c.mov(RBX, RCX).enclu(4);
      c.bind(body);
      attack.accept(c);
    });
  }
}
