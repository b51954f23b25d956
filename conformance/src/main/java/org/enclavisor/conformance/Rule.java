package org.enclavisor.conformance;

import java.util.function.Function;
import org.enclavisor.conformance.rules.Scene;
import org.jspecify.annotations.Nullable;

/**
 * One thing that the manual demands of a leaf.
 *
 * @param leaf the manual's name of the leaf
 * @param id what it is about, in the manual's words: operand or field and condition; unique within the leaf
 * @param kind which part of the leaf's description it comes from
 * @param says the demand, in a sentence
 * @param inapplicable why it cannot be asked of a machine with these features, or null if it can
 * @param body does it; throws {@link Broken} if the machine fails
 */
public record Rule(
    String leaf, String id, Kind kind, String says, Function<Features, @Nullable String> inapplicable, Body body) {

  /** Which part of a leaf's description a rule comes from. */
  public enum Kind {
    /** What has to be so, else an error code. */
    PRECONDITION,
    /** What has to be so, else an exception. */
    FAULT,
    /** Which of two violations is reported. */
    ORDER,
    /** What happens while another leaf is at work. */
    CONCURRENCY,
    /** What a successful execution does. */
    EFFECT
  }

  /** What a rule does. */
  public interface Body {
    void run(Scene scene);
  }

  /** The machine did not do what the rule demands. */
  public static final class Broken extends RuntimeException {
    private static final long serialVersionUID = 1;

    public Broken(String message) {
      super(message);
    }
  }

  /** {@code EWB.RCX-misaligned}. */
  public String name() {
    return leaf + "." + id;
  }

  /** A rule that no machine of this kind can be asked. */
  public static Rule never(String leaf, String id, Kind kind, String says, String reason) {
    return new Rule(leaf, id, kind, says, features -> reason, scene -> {});
  }
}
