package org.enclavisor.app.profile;

import java.util.Optional;
import org.enclavisor.host.CallObserver.Direction;

/**
 * Something that an enclave and its host could do with fewer ways in and out.
 *
 * @param kind which rule found it
 * @param direction of the function's calls
 * @param function what it is about; of exceptions, which
 * @param other the function that it belongs with; empty if there is none
 * @param count how many calls could be spared
 * @param work what each of them does, in nanoseconds: three of four take longer
 * @param gain nanoseconds that the run would have been shorter, at least
 * @param share the same as a part of the time in calls
 * @param what was seen, a sentence
 * @param advice what to do, a sentence
 */
public record Finding(
    Kind kind,
    Direction direction,
    String function,
    Optional<String> other,
    long count,
    long work,
    long gain,
    double share,
    String what,
    String advice) {

  /** The rules, in the order in which they are tried on a function: what fits first counts. */
  public enum Kind {
    /** The same is asked again and again. */
    DUPLICATE,
    /** An ECALL begins with it. */
    AT_THE_START,
    /** An ECALL ends with it. */
    AT_THE_END,
    /** It follows itself. */
    IN_SERIES,
    /** It follows another. */
    IN_PAIRS,
    /** It does little, wherever it comes. */
    SHORT,
    /** The SDK's locks: threads sleep for less than it takes to go to bed. */
    SHORT_SLEEP,
    /** The enclave raises exceptions, which its own handler sees to. */
    EXCEPTIONS,
    /** Pages come and go. */
    PAGING
  }
}
