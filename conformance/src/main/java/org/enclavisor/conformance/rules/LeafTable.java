package org.enclavisor.conformance.rules;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.Rule.Kind;
import org.enclavisor.conformance.SgxMachine.Hold;
import org.jspecify.annotations.Nullable;

/**
 * A leaf's rules: a call that succeeds, the ways to spoil it in the order in which the manual asks, and what success
 * does. From the ways to spoil it also comes the order: of two that are independent and are answered differently, the
 * first must be reported. Mutable while it is written, confined to one thread.
 */
final class LeafTable {
  private record Violation(
      String id, Kind kind, String says, Set<String> touches, Expect expect, Consumer<Call> spoil,
      Function<Features, @Nullable String> inapplicable) {}

  private final String leaf;
  private final Function<Scene, Call> good;
  private final Function<Features, @Nullable String> absent;
  private final List<Violation> violations = new ArrayList<>();
  private final List<Rule> others = new ArrayList<>();

  LeafTable(String leaf, Function<Features, @Nullable String> absent, Function<Scene, Call> good) {
    this.leaf = leaf;
    this.absent = absent;
    this.good = good;
  }

  /** A leaf of every processor with SGX. */
  static LeafTable of(String leaf, Function<Scene, Call> good) {
    return new LeafTable(leaf, features -> null, good);
  }

  /** A leaf of processors with a capability. */
  static LeafTable with(String leaf, int capability, String name, Function<Scene, Call> good) {
    return new LeafTable(
        leaf, features -> features.has(capability) ? null : "the processor has no " + name, good);
  }

  /**
   * A violation.
   *
   * @param touches the parts of the call that it changes, separated by blanks: two that share one are not combined
   */
  LeafTable spoil(String id, Expect expect, String touches, String says, Consumer<Call> spoil) {
    return spoil(id, expect, touches, says, features -> null, spoil);
  }

  /** A violation that not every machine can be asked. */
  LeafTable spoil(
      String id, Expect expect, String touches, String says, Function<Features, @Nullable String> inapplicable,
      Consumer<Call> spoil) {
    Kind kind = expect.name().startsWith("#") ? Kind.FAULT : Kind.PRECONDITION;
    violations.add(
        new Violation(id, kind, says, Set.copyOf(Arrays.asList(touches.split(" "))), expect, spoil,
            features -> absent.apply(features) != null ? absent.apply(features) : inapplicable.apply(features)));
    return this;
  }

  /** A conflict with another leaf that holds a page. */
  LeafTable conflict(
      String id, Expect expect, String touches, String says, Hold hold, java.util.function.ToLongFunction<Call> page) {
    violations.add(
        new Violation(id, Kind.CONCURRENCY, says, Set.copyOf(Arrays.asList(touches.split(" "))), expect,
            call -> call.last(c -> c.scene.hold(page.applyAsLong(c) & -4096, hold)),
            features -> absent.apply(features) != null ? absent.apply(features)
                : features.holds().contains(hold) ? null
                : "the machine cannot be stopped in the middle of another leaf"));
    return this;
  }

  /** What success does. */
  LeafTable effect(String id, String says, Rule.Body body) {
    return effect(id, says, features -> null, body);
  }

  /** What success does, where it can be asked. */
  LeafTable effect(String id, String says, Function<Features, @Nullable String> inapplicable, Rule.Body body) {
    others.add(
        new Rule(leaf, id, Kind.EFFECT, says,
            features -> absent.apply(features) != null ? absent.apply(features) : inapplicable.apply(features), body));
    return this;
  }

  /** A rule that is listed for completeness. */
  LeafTable never(String id, Kind kind, String says, String reason) {
    others.add(Rule.never(leaf, id, kind, says, reason));
    return this;
  }

  /** All rules: success, each violation, pairs of violations, effects. */
  List<Rule> rules(Expect success) {
    List<Rule> rules = new ArrayList<>();
    rules.add(
        new Rule(leaf, "success", Kind.EFFECT, "With nothing against it, the leaf completes.", absent,
            scene -> require(good.apply(scene), success)));
    for (Violation v : violations) {
      rules.add(new Rule(leaf, v.id + "-" + v.expect.name(), v.kind, v.says, v.inapplicable, scene -> {
        Call call = good.apply(scene);
        v.spoil.accept(call);
        require(call, v.expect);
      }));
    }
    for (int i = 0; i < violations.size(); i++) {
      for (int j = i + 1; j < violations.size(); j++) {
        pair(rules, violations.get(i), violations.get(j));
      }
    }
    rules.addAll(others);
    return rules;
  }

  private void pair(List<Rule> rules, Violation first, Violation second) {
    boolean independent = first.touches.stream().noneMatch(second.touches::contains);
    if (!independent || first.expect.name().equals(second.expect.name())) {
      return;
    }
    rules.add(
        new Rule(leaf, first.id + "-before-" + second.id, Kind.ORDER,
            "Of both, " + first.id + " is reported: " + first.expect.name() + ".",
            features -> first.inapplicable.apply(features) != null
                ? first.inapplicable.apply(features) : second.inapplicable.apply(features),
            scene -> {
              Call call = good.apply(scene);
              first.spoil.accept(call);
              second.spoil.accept(call);
              require(call, first.expect);
            }));
  }

  private static void require(Call call, Expect expect) {
    LeafResult result = call.perform();
    String wrong = expect.check().wrong(call, result);
    if (wrong != null) {
      throw new Rule.Broken("expected " + expect.name() + ": " + wrong);
    }
  }
}
