package org.enclavisor.host.debug;

import java.util.Map;

/**
 * Who goes on, and how.
 *
 * @param actions of the threads that are named
 * @param others of all others, also of those that come later
 */
record ResumePlan(Map<Integer, Action> actions, Action others) {

  /** How one goes on. */
  enum Way {
    /** Until something happens. */
    CONTINUE,
    /** For one instruction. */
    STEP,
    /** Not at all. */
    HOLD
  }

  /**
   * What one thread does.
   *
   * @param signal with which it goes on, or {@link Stop#NONE}
   */
  record Action(Way way, int signal) {
    static final Action CONTINUE = new Action(Way.CONTINUE, Stop.NONE);
    static final Action STEP = new Action(Way.STEP, Stop.NONE);
    static final Action HOLD = new Action(Way.HOLD, Stop.NONE);
  }

  ResumePlan {
    actions = Map.copyOf(actions);
  }

  /** What a thread is to do. */
  Action of(int thread) {
    return actions.getOrDefault(thread, others);
  }
}
