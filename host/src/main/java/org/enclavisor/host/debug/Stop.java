package org.enclavisor.host.debug;

import org.enclavisor.isa.Vector;

/**
 * Why a thread stands still.
 *
 * @param signal as GDB numbers them
 * @param watched the address of what has changed, at a watchpoint; else 0
 */
record Stop(Kind kind, int signal, long watched) {
  /** No signal. */
  static final int NONE = 0;

  /** The number of SIGINT. */
  static final int INT = 2;

  /** The number of SIGILL. */
  static final int ILL = 4;

  /** The number of SIGTRAP. */
  static final int TRAP = 5;

  /** The number of SIGFPE. */
  static final int FPE = 8;

  /** The number of SIGKILL. */
  static final int KILL = 9;

  /** The number of SIGBUS. */
  static final int BUS = 10;

  /** The number of SIGSEGV. */
  static final int SEGV = 11;

  /** What came about. */
  enum Kind {
    /** It was to make one step, and has. */
    STEP,
    /** It ran into a breakpoint of the debugger. */
    BREAKPOINT,
    /** It has changed something that the debugger watches. */
    WATCHPOINT,
    /** Somebody wanted it to stop. */
    HALT,
    /** A breakpoint or a single step of the enclave's own. */
    OWN_TRAP,
    /** Any other exception. */
    FAULT
  }

  /** After one step. */
  static final Stop STEPPED = new Stop(Kind.STEP, TRAP);

  /** At a breakpoint. */
  static final Stop AT_BREAKPOINT = new Stop(Kind.BREAKPOINT, TRAP);

  Stop(Kind kind, int signal) {
    this(kind, signal, 0);
  }

  /** At a watchpoint. */
  static Stop watched(long address) {
    return new Stop(Kind.WATCHPOINT, TRAP, address);
  }

  /** An exception that is not the debugger's doing. */
  static Stop of(Vector vector) {
    return switch (vector) {
      case DB, BP -> new Stop(Kind.OWN_TRAP, TRAP);
      case DE, MF, XM -> new Stop(Kind.FAULT, FPE);
      case UD -> new Stop(Kind.FAULT, ILL);
      case AC -> new Stop(Kind.FAULT, BUS);
      case NMI, OF, BR, NM, DF, TS, NP, SS, GP, PF, MC, VE, CP, HV, VC, SX -> new Stop(Kind.FAULT, SEGV);
    };
  }

  /**
   * Whether the enclave's handler is told of it when the thread goes on.
   *
   * @param signal the one with which the debugger lets it go on. GDB keeps SIGTRAP to itself, so that the enclave's own
   *     traps go to the enclave always
   */
  boolean delivered(int signal) {
    return switch (kind) {
      case STEP, BREAKPOINT, WATCHPOINT, HALT -> false;
      case OWN_TRAP -> true;
      case FAULT -> signal != NONE;
    };
  }

  /** Whether the enclave's handler would be told of it without a debugger. */
  boolean ofTheEnclave() {
    return delivered(signal);
  }
}
