package org.enclavisor.app.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.enclavisor.conformance.ConformanceSuite;
import org.enclavisor.conformance.JsonReport;
import org.enclavisor.conformance.Results;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.campaign.Campaign;
import org.enclavisor.linux.StubOptions;
import org.enclavisor.linux.StubPlatform;
import org.enclavisor.linux.ptrace.PtracePlatform;
import org.enclavisor.testkit.MonitorMachine;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The conformance suite on the platforms that run real code: a sample ordinarily, everything with {@code -Psoak}, which
 * also writes {@code target/conformance-….json}. With {@code -Denclavisor.report=write} these become the report in
 * docs.
 */
class RealConformanceTest {
  private static final int SAMPLE = 12;
  private static final long SHORT = 1500;
  private static final long LONG = 100_000;
  private static final long LONGEST = 10_000_000;
  private static final long SEED = 42;

  /** The platforms, in the order of the report. */
  enum Machine {
    FAKE,
    STUB,
    STRICT,
    PTRACE;

    MonitorMachine open() {
      return switch (this) {
        case FAKE -> MonitorMachine.inMemory();
        case STUB -> MonitorMachine.on("stub", StubPlatform.open(StubOptions.DEFAULT));
        case STRICT -> MonitorMachine.on("stub, strict", StubPlatform.open(StubOptions.DEFAULT.strict(true)));
        case PTRACE -> MonitorMachine.on("ptrace", PtracePlatform.open());
      };
    }

    Path file() {
      return Path.of("target", "conformance-" + ordinal() + ".json");
    }
  }

  private static Results run(Machine which, List<Rule> rules) {
    try (MonitorMachine machine = which.open()) {
      return ConformanceSuite.run(machine, rules, verdict -> {});
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"STUB", "STRICT", "PTRACE"})
  void someRules(Machine which) {
    List<Rule> rules = ConformanceSuite.rules();
    List<Rule> sample = IntStream.range(0, rules.size()).filter(i -> i % SAMPLE == 0).mapToObj(rules::get).toList();
    assertThat(run(which, sample).failures()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(names = {"STUB", "STRICT", "PTRACE"})
  void aShortCampaign(Machine which) {
    assertThat(Campaign.run(which::open, SHORT, SEED, done -> {}).failure()).isNull();
  }

  @Tag("soak")
  @ParameterizedTest
  @EnumSource
  void allRulesAndALongCampaign(Machine which) throws IOException, InterruptedException {
    Results results = run(which, ConformanceSuite.rules());
    List<Campaign.Report> reports = new ArrayList<>();
    long steps = which == Machine.FAKE ? LONGEST : LONG;
    // On a virtual thread handing over to the enclaves' threads costs little, if they are virtual too.
    Runnable campaign = () -> reports.add(Campaign.run(which::open, steps, SEED, done -> {}));
    (which == Machine.FAKE ? Thread.ofVirtual() : Thread.ofPlatform()).start(campaign).join();
    Files.writeString(which.file(), JsonReport.of(results, reports.getFirst()));
    assertThat(results.failures()).isEmpty();
    assertThat(reports.getFirst().failure()).isNull();
  }

  /** After all the others, and after the mutants of the testkit. */
  @Tag("soak")
  @Test
  void report() throws IOException {
    if (!System.getProperty("enclavisor.report", "").equals("write")) {
      return;
    }
    List<String> reports = new ArrayList<>();
    for (Machine machine : Machine.values()) {
      reports.add(Files.readString(machine.file()));
    }
    List<String> mutants = Files.readAllLines(Path.of("..", "testkit", "target", "mutants.tsv"));
    String joined = ConformanceReport.joined(reports, mutants);
    Files.writeString(ConformanceReport.FILE, joined);
    Files.writeString(ConformanceReport.PAGE, ConformanceReport.page(joined));
  }
}
