package org.enclavisor.host.sdk;

import java.util.List;

/**
 * Where a call stands that is about to enter the enclave, or to be served: all that its thread has to know to go on, on
 * whatever thread.
 *
 * @param frames entries under way, the outermost first; each but the last waits for its exception handler
 * @param next what comes next
 * @param rdi of the host at that, like the others
 */
public record CallPosition(List<Frame> frames, Next next, long rdi, long rsi, long rsp, long rbp) {
  public CallPosition {
    frames = List.copyOf(frames);
    if (frames.isEmpty()) {
      throw new IllegalArgumentException("frames: expected at least one, found none");
    }
  }

  /** What a call can wait for. */
  public enum Next {
    /** EENTER. */
    EENTER,
    /** ERESUME. */
    ERESUME,
    /** The enclave has left with an OCALL, whose number is in RDI, and which nobody has served yet. */
    OCALL
  }

  /**
   * One entry that has not come to its end.
   *
   * @param command what the enclave was entered for: the number of an ECALL, or below zero
   * @param stackPointer of the host when it entered
   */
  public record Frame(int command, long stackPointer) {}

  /** The lowest address of the thread's untrusted stack that means something. */
  long lowest() {
    long lowest = rsp;
    for (Frame frame : frames) {
      lowest = Math.min(lowest, frame.stackPointer);
    }
    return lowest;
  }
}
