package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.Outcome;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;

/**
 * The checks of one leaf as a table, in the manual's order. From it come: the success without any mutation, each check
 * alone with its exact answer, and each pair, where the earlier one has to answer.
 *
 * @param <S> what a leaf is executed on, made anew for each test
 */
final class Checks<S> {
  /**
   * One check.
   *
   * @param field what the mutation touches, or depends on, comma-separated; pairs with a field in common are not tried,
   *     since one would undo the other
   * @param reason a part of the reason, so that no other check can have answered
   */
  private record Check<S>(
      String field, String name, Consumer<S> mutation, Function<S, String> expected, String reason) {}

  private final List<Check<S>> checks = new ArrayList<>();
  private final Supplier<S> scene;
  private final Function<S, @Nullable Outcome> leaf;

  Checks(Supplier<S> scene, Function<S, @Nullable Outcome> leaf) {
    this.scene = scene;
    this.leaf = leaf;
  }

  Checks<S> gp(String field, String name, Consumer<S> mutation, String reason) {
    checks.add(new Check<>(field, name, mutation, s -> "#GP(0)", reason));
    return this;
  }

  Checks<S> pf(
      String field, String name, Consumer<S> mutation, int code, Function<S, Long> address, String reason) {
    checks.add(
        new Check<>(
            field, name, mutation, s -> "#PF(0x%x) at 0x%x".formatted(code, address.apply(s)), reason));
    return this;
  }

  Checks<S> error(String field, String name, Consumer<S> mutation, SgxError error, String reason) {
    checks.add(new Check<>(field, name, mutation, s -> error.name(), reason));
    return this;
  }

  /** An error of which CF tells. */
  Checks<S> carry(String field, String name, Consumer<S> mutation, SgxError error, String reason) {
    checks.add(new Check<>(field, name, mutation, s -> error.name() + ", CF", reason));
    return this;
  }

  Stream<DynamicTest> tests() {
    List<DynamicTest> tests = new ArrayList<>();
    tests.add(
        DynamicTest.dynamicTest(
            "success",
            () -> {
              Outcome outcome = leaf.apply(scene.get());
              assertThat(outcome == null ? "ok" : describe(outcome)).isEqualTo("ok");
            }));
    for (int i = 0; i < checks.size(); i++) {
      Check<S> first = checks.get(i);
      tests.add(DynamicTest.dynamicTest(first.name, () -> verify(List.of(first))));
      for (Check<S> later : checks.subList(i + 1, checks.size())) {
        if (Collections.disjoint(List.of(later.field.split(",")), List.of(first.field.split(",")))) {
          tests.add(
              DynamicTest.dynamicTest(
                  first.name + ", before " + later.name, () -> verify(List.of(first, later))));
        }
      }
    }
    return tests.stream();
  }

  /** All mutations are made; the first check answers. */
  private void verify(List<Check<S>> mutations) {
    S s = scene.get();
    for (Check<S> check : mutations.reversed()) {
      check.mutation.accept(s);
    }
    Check<S> expected = mutations.getFirst();
    Outcome outcome = leaf.apply(s);
    assertThat(outcome).as("outcome").isNotNull();
    assertThat(describe(outcome)).isEqualTo(expected.expected.apply(s));
    assertThat(outcome.reason()).contains(expected.reason);
  }

  static String describe(Outcome outcome) {
    return switch (outcome) {
      case Outcome.Ok _ -> "ok";
      case Outcome.Error(SgxError error, boolean carry, String _) -> error.name() + (carry ? ", CF" : "");
      case Outcome.Fault(Vector vector, int code, long address, String _) ->
          vector == Vector.PF ? "#PF(0x%x) at 0x%x".formatted(code, address) : vector + "(" + code + ")";
    };
  }
}
