package org.enclavisor.monitor.spi;

/** Every way in which enclave code can come to an end: the closed set of outcomes of {@link LogicalProcessor#enter}. */
public sealed interface Exit {

  /**
   * An ENCLU instruction; RAX names the leaf, RIP is the instruction's address, which is three bytes long. RCX means
   * nothing if the leaf is EEXIT (4), which overwrites it: a platform may have used it on the way out.
   */
  record Enclu() implements Exit {
    /** The only value. */
    public static final Enclu INSTANCE = new Enclu();
  }

  /**
   * An exception.
   *
   * @param vector 0 to 31, the architecture's number. A system call arrives as vector 6 (#UD), RIP on the instruction
   * @param errorCode as the processor pushes it, 0 where there is none; the SGX bit of a page fault is not set here
   * @param address CR2 of a page fault, else 0
   */
  record Fault(int vector, int errorCode, long address) implements Exit {}

  /** {@link LogicalProcessor#interrupt} was called. */
  record Interrupt() implements Exit {
    /** The only value. */
    public static final Interrupt INSTANCE = new Interrupt();
  }

  /**
   * The process that ran the enclave is gone, with everything in it. Nothing else is harmed.
   *
   * @param reason for a person: the signal or status that ended it
   */
  record Death(String reason) implements Exit {}
}
