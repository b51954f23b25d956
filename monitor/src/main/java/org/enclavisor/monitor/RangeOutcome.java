package org.enclavisor.monitor;

/**
 * How a request about a range of pages ended, which is done page by page, in order.
 *
 * @param verdict in an operating system's terms
 * @param result the leaf's code in RAX, if it was a leaf that refused with one; else 0
 * @param count bytes for which it was done
 * @param reason for a person, empty if it was done
 */
public record RangeOutcome(Verdict verdict, int result, long count, String reason) {

  /** Why it was not done, or not for all. */
  public enum Verdict {
    /** Done for all pages. */
    DONE,
    /** What was asked for makes no sense: EINVAL. */
    INVALID,
    /** The page is not in a state for it, or its enclave has not agreed: EPERM. */
    NOT_PERMITTED,
    /** The page cannot be had at the moment: EAGAIN. */
    BUSY,
    /** There is no such page, or a leaf refused: EFAULT. */
    FAILED
  }

  /** Whether it was done for all pages. */
  public boolean ok() {
    return verdict == Verdict.DONE;
  }
}
