package org.enclavisor.app.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.enclavisor.conformance.ConformanceSuite;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.campaign.Op;
import org.enclavisor.conformance.campaign.Outcomes;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/**
 * The report in docs is of the rules that there are, without a failure and without a gap, and its
 * page is made from it.
 */
class ConformanceReportTest {
  private static final int MILLION = 1_000_000;
  private static final int LEAST = 100;

  @Test
  void thePageIsMadeFromTheFile() throws IOException {
    assertThat(Files.readString(ConformanceReport.PAGE))
        .isEqualTo(ConformanceReport.page(Files.readString(ConformanceReport.FILE)));
  }

  @Test
  void theFileHasEveryRule() throws IOException {
    List<String> reported = new ArrayList<>();
    ConformanceReport.read().get("rules").forEach(
        rule -> reported.add(rule.get("leaf").asString() + "." + rule.get("rule").asString()));
    assertThat(reported)
        .isEqualTo(
            ConformanceSuite.rules().stream()
                .filter(rule -> rule.kind() != Rule.Kind.ORDER)
                .map(Rule::name)
                .toList());
  }

  @Test
  void noRuleFailsAndWhatDoesNotApplySaysWhy() throws IOException {
    for (JsonNode rule : ConformanceReport.read().get("rules")) {
      for (JsonNode outcome : rule.get("results")) {
        assertThat(outcome.asString()).as(rule.toString()).isIn("passed", "not applicable");
        assertThat(outcome.asString().equals("passed") || rule.has("detail")).as(rule.toString()).isTrue();
      }
    }
    for (JsonNode order : ConformanceReport.read().get("orders")) {
      order.get("results").forEach(counts -> assertThat(counts.get("failed").asInt()).as(order.toString()).isZero());
    }
  }

  @Test
  void theCampaignWasLongEnoughAndReachedEverything() throws IOException {
    JsonNode campaigns = ConformanceReport.read().get("campaigns");
    for (JsonNode campaign : campaigns) {
      boolean memory = campaign.get("machine").asString().equals("fake");
      long steps = campaign.get("steps").asLong();
      assertThat(steps).as(campaign.get("machine").asString()).isGreaterThanOrEqualTo(memory ? 10 * MILLION : 100_000);
      assertThat(campaign.get("successes").asLong()).isGreaterThanOrEqualTo(steps / 4);
      assertThat(campaign.has("failure")).isFalse();
      if (memory) {
        for (Op op : Op.values()) {
          for (String outcome : Outcomes.REACHABLE.get(op)) {
            assertThat(campaign.get("outcomes").get(op.name()).path(outcome).asLong())
                .as(op + " " + outcome)
                .isGreaterThanOrEqualTo(LEAST);
          }
        }
      }
    }
  }

  @Test
  void everyMutantWasKilled() throws IOException {
    JsonNode mutants = ConformanceReport.read().get("mutants");
    assertThat(mutants.size()).isGreaterThanOrEqualTo(40);
    mutants.forEach(mutant -> assertThat(mutant.get("killer").asString()).as(mutant.toString()).isNotEmpty());
  }
}
