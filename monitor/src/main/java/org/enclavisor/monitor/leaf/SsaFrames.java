package org.enclavisor.monitor.leaf;

import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.jspecify.annotations.Nullable;

/** What an asynchronous exit needs of the pages of an SSA frame. */
public final class SsaFrames {
  private SsaFrames() {}

  /**
   * Why a frame cannot take a thread's state; null if it can. Allocates only to refuse.
   *
   * @param ssa where the frame begins, from the base
   */
  public static Outcome.@Nullable Fault unusable(SecsPage secs, long ssa) {
    return Entry.checkFrame(secs, ssa);
  }

  /** Whether the TCS of a thread inside is one still that it could enter on. Allocates only to refuse. */
  public static boolean enterable(SecsPage secs, TcsPage tcs) {
    return Entry.checkPage(secs, tcs) == null;
  }
}
