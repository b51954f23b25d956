package org.enclavisor.conformance;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.enclavisor.conformance.Results.Outcome;
import org.enclavisor.conformance.Results.Verdict;
import org.enclavisor.conformance.rules.Rules;
import org.enclavisor.conformance.rules.Scene;
import org.jspecify.annotations.Nullable;

/** Runs the rules on a machine. Needs no test framework. */
public final class ConformanceSuite {
  private ConformanceSuite() {}

  /** All rules, in the order of the manual's chapters. */
  public static List<Rule> rules() {
    return Rules.all();
  }

  /**
   * Runs all rules on a machine, on the calling thread.
   *
   * @param listener told of each verdict as it comes
   */
  public static Results run(SgxMachine machine, Consumer<Verdict> listener) {
    return run(machine, rules(), listener);
  }

  /** Runs some rules. */
  public static Results run(SgxMachine machine, List<Rule> rules, Consumer<Verdict> listener) {
    List<Verdict> verdicts = new ArrayList<>();
    try (var stage = new Scene.Stage(machine)) {
      for (Rule rule : rules) {
        Verdict verdict = run(stage, machine, rule);
        verdicts.add(verdict);
        listener.accept(verdict);
      }
    }
    return new Results(machine.name(), verdicts);
  }

  /** Runs one rule. */
  public static Verdict run(Scene.Stage stage, SgxMachine machine, Rule rule) {
    String reason = rule.inapplicable().apply(machine.features());
    if (reason != null) {
      return new Verdict(rule, Outcome.NOT_APPLICABLE, reason);
    }
    String broken = play(stage, rule);
    return broken == null ? new Verdict(rule, Outcome.PASSED, null) : new Verdict(rule, Outcome.FAILED, broken);
  }

  private static @Nullable String play(Scene.Stage stage, Rule rule) {
    try (Scene scene = stage.scene()) {
      rule.body().run(scene);
      return null;
    } catch (RuntimeException e) {
      // Whatever a machine throws is a rule that it does not keep.
      return e instanceof Rule.Broken ? e.getMessage() : e.toString() + at(e);
    }
  }

  private static String at(RuntimeException e) {
    StackTraceElement[] trace = e.getStackTrace();
    return trace.length == 0 ? "" : " at " + trace[0];
  }
}
