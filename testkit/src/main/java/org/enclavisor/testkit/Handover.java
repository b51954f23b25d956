package org.enclavisor.testkit;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Two threads that take turns: one gives the other something to do and waits for the answer. Either may be virtual.
 *
 * @param <Q> what is asked
 * @param <A> what is answered
 */
final class Handover<Q, A> {
  private volatile @Nullable Q question;
  private volatile @Nullable A answer;
  private volatile @Nullable Thread asking;
  private volatile @Nullable Thread answering;

  /** Asks, and waits for the answer. */
  A ask(Q next) {
    asking = Thread.currentThread();
    answer = null;
    question = next;
    LockSupport.unpark(answering);
    A found;
    while ((found = answer) == null) {
      LockSupport.park(this);
    }
    return found;
  }

  /** Answers what was asked last. */
  void answer(A found) {
    answer = found;
    LockSupport.unpark(asking);
  }

  /** Waits for what is asked next. */
  Q await() {
    answering = Thread.currentThread();
    Q found;
    while ((found = question) == null) {
      LockSupport.park(this);
    }
    question = null;
    return found;
  }
}
