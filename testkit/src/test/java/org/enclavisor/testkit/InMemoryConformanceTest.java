package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.enclavisor.conformance.ConformanceSuite;
import org.enclavisor.conformance.Results;
import org.enclavisor.conformance.rules.Scene;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Every rule of the conformance suite, on the monitor in memory. */
class InMemoryConformanceTest {
  private static final MonitorMachine MACHINE = MonitorMachine.inMemory();
  private static final Scene.Stage STAGE = new Scene.Stage(MACHINE);

  @AfterAll
  static void close() {
    STAGE.close();
    MACHINE.close();
  }

  @TestFactory
  Stream<DynamicTest> rules() {
    return ConformanceSuite.rules().stream()
        .map(
            rule ->
                DynamicTest.dynamicTest(
                    rule.name(),
                    () ->
                        assertThat(ConformanceSuite.run(STAGE, MACHINE, rule))
                            .as(rule.says())
                            .matches(verdict -> verdict.outcome() != Results.Outcome.FAILED)));
  }
}
