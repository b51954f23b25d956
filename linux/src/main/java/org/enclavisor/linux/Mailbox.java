package org.enclavisor.linux;

import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * Every offset of the mailbox: one page of memory that a logical processor's thread and the JVM share.
 *
 * <p>The registers that each hand-over moves fill the first three cache lines, the control word in front of them. RIP,
 * CS, RFLAGS, RSP and SS lie as IRETQ wants them. The enclave can write all of it at any time: whatever is read here
 * is hostile, is copied before it is checked, and is never trusted for more than the enclave's own registers.
 */
final class Mailbox {
  /** Whose turn it is: {@link #HOST} or {@link #GUEST}, with {@link #ASLEEP} if the other one sleeps on this word. */
  static final int CONTROL = 0;

  /** From the stub: how it came out ({@link #BY_JUMP}, {@link #BY_TRAP}). To the stub: how to go in. */
  static final int KIND = 4;

  /** Address of an XSAVE area to be loaded on the way in, or 0. */
  static final int RESTORE = 8;

  static final int RIP = 16;
  static final int CS = 24;
  static final int RFLAGS = 32;
  static final int RSP = 40;
  static final int SS = 48;
  static final int RAX = 56;
  static final int RCX = 64;
  static final int RDX = 72;
  static final int RBX = 80;
  static final int RBP = 88;
  static final int RSI = 96;
  static final int RDI = 104;
  static final int R8 = 112;
  static final int R9 = 120;
  static final int R10 = 128;
  static final int R11 = 136;
  static final int R12 = 144;
  static final int R13 = 152;
  static final int R14 = 160;
  static final int R15 = 168;
  static final int FS = 176;
  static final int GS = 184;

  /** Address of the signal frame's {@code ucontext_t} after a trap. */
  static final int FRAME = 192;

  /** The signal's number after a trap. */
  static final int SIGNAL = 200;

  /** How many interrupting signals have arrived. */
  static final int HANDLED = 204;

  /** How many of them came to the stub itself and changed nothing. */
  static final int IGNORED = 212;

  /** How long the stub spins for its turn before it sleeps, in TSC cycles below 2³². */
  static final int SPIN = 208;

  /** Address of the {@code stack_t} that the thread announces at its birth. */
  static final int STACK = 216;

  /** Set by the steward, in the first mailbox only, when the process is locked. */
  static final int READY = 256;

  /** Top of a few words of stack for the stub. */
  static final int SCRATCH_TOP = 512;

  /** Where {@link #RESTORE} points to after a LOAD. 64-aligned; the alternate signal stack follows it. */
  static final int XSAVE = 1024;

  static final int HOST = 0;
  static final int GUEST = 1;
  static final int ASLEEP = 2;

  static final int BY_JUMP = 0;
  static final int BY_IRET = 1;
  static final int BY_TRAP = 2;

  static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();

  private Mailbox() {}
}
