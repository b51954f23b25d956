package org.enclavisor.monitor;

import org.enclavisor.isa.Vector;

/** How {@link SgxDevice#enter} ended. In all cases the registers are what the host sees afterwards. */
public sealed interface EnterOutcome {

  /** The enclave left with EEXIT: {@code rip} is the target it chose, {@code rcx} the AEP. */
  record Exited() implements EnterOutcome {
    /** The only value. */
    public static final Exited INSTANCE = new Exited();
  }

  /**
   * An asynchronous exit because of an exception. The registers are the synthetic state; ERESUME is possible.
   *
   * @param errorCode as the processor pushes it, with the SGX bit (0x8000) where the EPCM refused
   * @param address CR2 of a page fault with its low 12 bits clear, else 0
   */
  record Faulted(Vector vector, int errorCode, long address) implements EnterOutcome {}

  /** An asynchronous exit because of {@link SgxDevice#interrupt}. ERESUME is possible. */
  record Interrupted() implements EnterOutcome {
    /** The only value. */
    public static final Interrupted INSTANCE = new Interrupted();
  }

  /** EENTER or ERESUME faulted; no enclave code ran, the registers are unchanged. */
  record Refused(Outcome.Fault fault) implements EnterOutcome {}

  /** The enclave is gone for good, with its process; its state is destroyed. Nothing else is harmed. */
  record Dead(String reason) implements EnterOutcome {}
}
