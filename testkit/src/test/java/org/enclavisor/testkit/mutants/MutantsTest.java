package org.enclavisor.testkit.mutants;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.enclavisor.conformance.ConformanceSuite;
import org.enclavisor.conformance.Results;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.SgxMachine;
import org.enclavisor.conformance.campaign.Campaign;
import org.enclavisor.conformance.rules.Scene;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * A suite that cannot fail proves nothing: every mutant of the monitor has to be found out, by a rule or by the
 * campaign. Who found it out is written to {@code target/mutants.tsv}.
 */
class MutantsTest {
  private static final long STEPS = 60_000;
  private static final int LONGEST_SECONDS = 120;
  private static final List<String> KILLS = new ArrayList<>();

  @AfterAll
  static void write() throws IOException {
    Files.createDirectories(Path.of("target"));
    Files.write(Path.of("target", "mutants.tsv"), KILLS);
  }

  @Test
  void thereAreManyMutantsAndNoneTwice() {
    assertThat(Mutants.ALL).hasSizeGreaterThanOrEqualTo(40).doesNotHaveDuplicates();
  }

  @Test
  void whatTheyChangeIsThere() {
    assertThat(Mutants.ALL).allSatisfy(mutant -> assertThat(MutantCompiler.source(mutant)).isNotEmpty());
  }

  @TestFactory
  Stream<DynamicTest> everyMutantIsKilled() {
    return Mutants.ALL.stream().map(MutantsTest::test);
  }

  private static DynamicTest test(Mutant mutant) {
    return DynamicTest.dynamicTest(mutant.file() + ": " + mutant.breaks(), () -> kill(mutant));
  }

  private static void kill(Mutant mutant) {
    var loader = new MutantLoader(MutantCompiler.compile(mutant), MutantsTest.class.getClassLoader());
    String killer = killer(() -> machine(loader), mutant.leaf());
    KILLS.add(String.join("\t", mutant.file(), mutant.leaf(), mutant.breaks(), killer));
    assertThat(killer).as("nobody notices that " + mutant.breaks()).isNotEmpty();
  }

  private static SgxMachine machine(ClassLoader loader) {
    try {
      return (SgxMachine)
          loader.loadClass("org.enclavisor.testkit.MonitorMachine").getMethod("inMemory").invoke(null);
    } catch (InvocationTargetException e) {
      throw new IllegalStateException(e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The name of the rule, or the campaign's finding; empty if nobody noticed. */
  private static String killer(Supplier<SgxMachine> machines, String leaf) {
    // On a virtual thread, as the campaign likes it; a mutant may also never end.
    var found =
        CompletableFuture.supplyAsync(
            () -> {
              String rule = rule(machines, leaf);
              return rule != null ? rule : campaign(machines);
            },
            task -> Thread.ofVirtual().start(task));
    try {
      return found.orTimeout(LONGEST_SECONDS, TimeUnit.SECONDS).join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof TimeoutException) {
        return "does not end";
      }
      throw e;
    }
  }

  private static String rule(Supplier<SgxMachine> machines, String leaf) {
    List<Rule> first = ConformanceSuite.rules().stream().filter(rule -> rule.leaf().equals(leaf)).toList();
    List<Rule> others = ConformanceSuite.rules().stream().filter(rule -> !rule.leaf().equals(leaf)).toList();
    var machine = machines.get();
    var stage = new Scene.Stage(machine);
    for (List<Rule> rules : List.of(first, others)) {
      for (Rule rule : rules) {
        if (ConformanceSuite.run(stage, machine, rule).outcome() == Results.Outcome.FAILED) {
          // What a mutant leaves behind may not be closable.
          return "rule " + rule.name();
        }
      }
    }
    stage.close();
    machine.close();
    return null;
  }

  private static String campaign(Supplier<SgxMachine> machines) {
    Campaign.Report report = Campaign.run(machines, STEPS, 7, done -> {});
    return report.failure() == null ? "" : "campaign: " + report.failure().difference();
  }
}
