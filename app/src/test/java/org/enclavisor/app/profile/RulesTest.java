package org.enclavisor.app.profile;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.enclavisor.app.profile.Finding.Kind;
import org.junit.jupiter.api.Test;

/** Each rule on the smallest run that breaks it, and on one that is like it and breaks none. */
class RulesTest {
  private static final long SHORT = 500;
  private static final long LONG = 200_000;

  private final Scenario scenario = new Scenario();

  private List<Finding> findings() {
    return Rules.judge(scenario.profile());
  }

  private void only(Kind kind, String function, long count, long gain) {
    assertThat(findings())
        .singleElement()
        .satisfies(finding -> assertThat(finding.kind()).isEqualTo(kind))
        .satisfies(finding -> assertThat(finding.function()).isEqualTo(function))
        .satisfies(finding -> assertThat(finding.count()).isEqualTo(count))
        .satisfies(finding -> assertThat(finding.gain()).isEqualTo(gain))
        .satisfies(finding -> assertThat(finding.what()).startsWith(function).contains("1 µs"))
        .satisfies(finding -> assertThat(finding.advice()).endsWith("."));
  }

  @Test
  void nothingToJudge() {
    assertThat(findings()).isEmpty();
  }

  @Test
  void shortEcallsInALoop() {
    for (int i = 0; i < 100; i++) {
      scenario.ecall("tick", () -> scenario.work(SHORT)).pause(300);
    }
    only(Kind.IN_SERIES, "tick", 99, 99 * Scenario.TRANSITION);
  }

  @Test
  void longEcallsInALoopAreFine() {
    for (int i = 0; i < 100; i++) {
      scenario.ecall("think", () -> scenario.work(LONG)).pause(300);
    }
    assertThat(findings()).isEmpty();
  }

  @Test
  void shortEcallsThatComeWhenTheyCome() {
    for (int i = 0; i < 100; i++) {
      scenario.ecall("request", () -> scenario.work(SHORT)).pause(10_000_000);
    }
    only(Kind.SHORT, "request", 100, 100 * Scenario.TRANSITION);
  }

  @Test
  void fewCallsAreNoFault() {
    for (int i = 0; i < 19; i++) {
      scenario.ecall("tick", () -> scenario.work(SHORT));
    }
    assertThat(findings()).isEmpty();
  }

  @Test
  void ocallsInSeries() {
    scenario.ecall(
        "copy",
        () -> {
          scenario.work(LONG);
          for (int i = 0; i < 50; i++) {
            scenario.ocall("put", SHORT);
            scenario.work(100);
          }
          scenario.work(LONG);
        });
    only(Kind.IN_SERIES, "put", 49, 49 * Scenario.TRANSITION);
  }

  @Test
  void ocallsInPairs() {
    scenario.ecall(
        "serve",
        () -> {
          for (int i = 0; i < 50; i++) {
            scenario.work(LONG);
            scenario.ocall("seek", SHORT);
            scenario.ocall("read", SHORT);
          }
          scenario.work(LONG);
        });
    assertThat(findings())
        .extracting(Finding::kind, Finding::function, Finding::other)
        .contains(org.assertj.core.groups.Tuple.tuple(Kind.IN_PAIRS, "read", Optional.of("seek")));
  }

  @Test
  void anOcallAtTheStart() {
    for (int i = 0; i < 30; i++) {
      scenario.ecall(
          "stamp",
          () -> {
            scenario.work(200);
            scenario.ocall("now", SHORT);
            scenario.work(LONG);
          });
    }
    only(Kind.AT_THE_START, "now", 30, 30 * Scenario.TRANSITION);
  }

  @Test
  void anOcallAtTheEnd() {
    for (int i = 0; i < 30; i++) {
      scenario.ecall(
          "log",
          () -> {
            scenario.work(LONG);
            scenario.ocall("print", 50_000);
            scenario.work(200);
          });
    }
    only(Kind.AT_THE_END, "print", 30, 30 * Scenario.TRANSITION);
  }

  @Test
  void anOcallInTheMiddleOfWorkIsFineIfItIsLong() {
    for (int i = 0; i < 30; i++) {
      scenario.ecall(
          "both",
          () -> {
            scenario.work(LONG);
            scenario.ocall("wait_for_disk", LONG);
            scenario.work(LONG);
          });
    }
    assertThat(findings()).isEmpty();
  }

  @Test
  void theSameQuestionAgain() {
    scenario.ecall(
        "convert",
        () -> {
          for (int i = 0; i < 40; i++) {
            scenario.work(50_000);
            scenario.ocall("setting", List.of(7), () -> scenario.work(SHORT));
          }
          scenario.work(LONG);
        });
    only(Kind.DUPLICATE, "setting", 39, 39 * (Scenario.TRANSITION + SHORT));
  }

  @Test
  void otherQuestionsAreNoDuplicates() {
    scenario.ecall(
        "convert",
        () -> {
          for (int i = 0; i < 40; i++) {
            scenario.work(50_000);
            scenario.ocall("fetch", List.of(i), () -> scenario.work(LONG));
          }
          scenario.work(LONG);
        });
    assertThat(findings()).isEmpty();
  }

  @Test
  void locksThatSleepForAMoment() {
    scenario.ecall(
        "locked",
        () -> {
          for (int i = 0; i < 30; i++) {
            scenario.work(50_000);
            scenario.ocall("sgx_thread_wait_untrusted_event_ocall", 2_000);
          }
          scenario.work(LONG);
        });
    assertThat(findings()).extracting(Finding::kind).containsExactly(Kind.SHORT_SLEEP);
  }

  @Test
  void exceptionsCostTwoTransitionsMore() {
    scenario.ecall(
        "cpuid",
        () -> {
          for (int i = 0; i < 25; i++) {
            scenario.work(10_000);
            scenario.exception("#UD");
          }
        });
    assertThat(findings())
        .singleElement()
        .satisfies(finding -> assertThat(finding.kind()).isEqualTo(Kind.EXCEPTIONS))
        .satisfies(finding -> assertThat(finding.gain()).isEqualTo(2 * 25 * Scenario.TRANSITION))
        .satisfies(finding -> assertThat(finding.what()).contains("#UD is raised 25 times in here"));
  }

  @Test
  void pagesThatComeAndGo() {
    scenario.ecall(
        "walk",
        () -> {
          for (int i = 0; i < 10; i++) {
            scenario.work(100_000);
            scenario.paging("EVICTED", 16, 40_000);
            scenario.paging("RELOADED", 4, 10_000);
          }
        });
    assertThat(findings())
        .singleElement()
        .satisfies(finding -> assertThat(finding.kind()).isEqualTo(Kind.PAGING))
        .satisfies(finding -> assertThat(finding.count()).isEqualTo(200))
        .satisfies(finding -> assertThat(finding.gain()).isEqualTo(500_000));
  }

  @Test
  void callsFromWithinOcallsAreTheEnclavesNotTheOcalls() {
    for (int i = 0; i < 30; i++) {
      scenario.ecall(
          "outer",
          () -> {
            scenario.work(LONG);
            scenario.ocall("visit", "", () -> scenario.ecall("inner", () -> scenario.work(LONG)));
            scenario.work(LONG);
          });
    }
    // What the OCALL itself does is nothing: all its time is inner's.
    assertThat(findings())
        .singleElement()
        .satisfies(finding -> assertThat(finding.function()).isEqualTo("visit"))
        .satisfies(finding -> assertThat(finding.kind()).isEqualTo(Kind.SHORT))
        .satisfies(finding -> assertThat(finding.work()).isZero());
  }

  @Test
  void thoseThatSaveMostComeFirst() {
    scenario.ecall(
        "mixed",
        () -> {
          for (int i = 0; i < 30; i++) {
            scenario.ocall("few", SHORT);
          }
          scenario.work(LONG);
          for (int i = 0; i < 300; i++) {
            scenario.ocall("many", SHORT);
          }
          scenario.work(LONG);
        });
    assertThat(findings()).extracting(Finding::function).containsExactly("many", "few");
    assertThat(findings()).allSatisfy(finding -> assertThat(finding.share()).isBetween(0.001, 1.0));
  }
}
