package org.enclavisor.conformance;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the rules found on one machine.
 *
 * @param machine its name
 * @param verdicts one for each rule, in the order of the rules
 */
public record Results(String machine, List<Verdict> verdicts) {

  public Results {
    verdicts = List.copyOf(verdicts);
  }

  /** How a rule ended. */
  public enum Outcome {
    /** The machine did what the rule demands. */
    PASSED,
    /** It did not. */
    FAILED,
    /** The rule cannot be asked of it. */
    NOT_APPLICABLE
  }

  /**
   * A rule's end.
   *
   * @param detail what was wrong, or why the rule does not apply; null if passed
   */
  public record Verdict(Rule rule, Outcome outcome, @Nullable String detail) {}

  /** How many ended so. */
  public long count(Outcome outcome) {
    return verdicts.stream().filter(verdict -> verdict.outcome == outcome).count();
  }

  /** Those that failed. */
  public List<Verdict> failures() {
    return verdicts.stream().filter(verdict -> verdict.outcome == Outcome.FAILED).toList();
  }
}
