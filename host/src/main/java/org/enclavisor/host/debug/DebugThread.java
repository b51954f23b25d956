package org.enclavisor.host.debug;

import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/** One TCS in the eyes of a debugger. Guarded by the target's lock, but for what says that it is the thread's own. */
final class DebugThread {

  /** Where the host's thread is. */
  enum State {
    /** Not in the monitor. */
    OUTSIDE,
    /** Wants to enter, and may have to wait. */
    AT_THE_GATE,
    /** In the enclave, or on its way. */
    INSIDE
  }

  final int id;

  /** Linear address. */
  final long tcs;

  State state = State.OUTSIDE;

  /** What it was told last. */
  ResumePlan.Action action = ResumePlan.Action.CONTINUE;

  /** Why it stands still, if for a reason of its own. */
  @Nullable Stop stop;

  /** Whether the debugger knows of {@link #stop}. */
  boolean told;

  /** Whether the debugger wants it out, so that an interruption is none of the host's business. */
  boolean wantedOut;

  /** Whether it was let in to make one step. */
  boolean stepping;

  /** How many entries are begun and not ended, one inside the other. */
  int depth;

  /** What the host's registers were when it last went in or came out. */
  final Registers host = new Registers();

  /** Whether TCS.FLAGS.DBGOPTIN is set: the thread's own. */
  boolean optedIn;

  DebugThread(int id, long tcs) {
    this.id = id;
    this.tcs = tcs;
  }

  /** Whether it has begun something and not ended it. */
  boolean busy() {
    return state != State.OUTSIDE || depth > 0;
  }
}
