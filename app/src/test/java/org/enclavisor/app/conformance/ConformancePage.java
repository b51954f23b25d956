package org.enclavisor.app.conformance;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/** Makes docs/conformance.md of docs/conformance.json. */
final class ConformancePage {
  private static final String HEAD =
      """
      # Conformance

      Whether this is SGX, rule by rule: every sentence of the manual's leaves that says what has to be so, what happens if
      it is not, what a success does, and which of two faults is reported. This page is made from
      [conformance.json](conformance.json).

      | | how to have it again |
      |---|---|
      | all rules in memory, 200 000 steps of the campaign, all mutants | `./mvnw -B -pl testkit -am verify` |
      | a sample of the rules on the real platforms | `./mvnw -B -pl app -am test -Dtest=RealConformanceTest` |
      | everything: 10 million steps, all platforms | `./mvnw -B -Psoak -pl testkit,app -am verify` |

      ## Testing another implementation

      The module `conformance` knows SGX and no implementation of it. Write `SgxMachine` for yours, which is: EPC pages,
      ordinary memory, ENCLS, ENCLV, and a way into an enclave (`ThreadedProcessor` makes a logical processor of that).
      Then `ConformanceSuite.run(machine, verdict -> …)` runs the rules, `Campaign.run` the random sequences, and
      `JsonReport.of` writes down what came of it. Leaves of ENCLU are executed by real enclave code, the *probe*, which
      the suite builds with ECREATE, EADD and EINIT like anybody else; nothing looks into the machine but ERDINFO, EDBGRD
      and the probe. `MonitorMachine` in `testkit` is such a machine; `ModelMachine` is another, on which the rules
      are tried first.

      What the suite does not ask: single steps and AEX-Notify (the platform and monitor tests do), EINITTOKENs that a launch
      enclave has made, XFRM beyond x87 and SSE, and everything that only silicon has: segments, TSX, VMX, microcode.

      ## What came of it

      """;

  private final JsonNode report;
  private final StringBuilder page = new StringBuilder(HEAD);

  private ConformancePage(JsonNode report) {
    this.report = report;
  }

  static String of(JsonNode report) {
    var page = new ConformancePage(report);
    page.summary();
    page.campaigns();
    page.mutants();
    page.rules();
    return page.page.toString();
  }

  private List<String> machines() {
    List<String> machines = new ArrayList<>();
    report.get("machines").forEach(machine -> machines.add(machine.asString()));
    return machines;
  }

  private void line(String format, Object... values) {
    page.append(format.formatted(values)).append('\n');
  }

  private void summary() {
    line("| platform | rules passed | failed | not applicable | orders of two checks passed |");
    line("|---|---|---|---|---|");
    for (String machine : machines()) {
      Map<String, Integer> counts = new TreeMap<>();
      report.get("rules").forEach(
          rule -> counts.merge(rule.get("results").get(machine).asString(), 1, Integer::sum));
      long orders = 0;
      for (JsonNode order : report.get("orders")) {
        orders += order.get("results").get(machine).get("passed").asLong();
      }
      line(
          "| %s | %d | %d | %d | %d |", title(machine), counts.getOrDefault("passed", 0),
          counts.getOrDefault("failed", 0), counts.getOrDefault("not applicable", 0), orders);
    }
    line("");
    line("Orders: for every pair of violations of a leaf that are independent and answered differently, the one that the");
    line("manual asks first has to be reported. They are counted here, not listed.");
    line("");
  }

  private static String title(String machine) {
    return machine.equals("fake") ? "in memory" : machine;
  }

  private void campaigns() {
    line("## The random campaign");
    line("");
    line("Leaves in random order from three logical processors on three enclaves, with operands that fit and such that do");
    line("not, with bits turned in evicted pages, and with conflicting leaves. Every step is compared with a second, small");
    line("model that was written from the manual alone: result, flags, fault, registers that the host sees. In between, the");
    line("whole EPCM is compared by ERDINFO, and evicted pages are searched for what enclaves wrote.");
    line("");
    line("| platform | steps | successful | seed | disagreements |");
    line("|---|---|---|---|---|");
    for (JsonNode campaign : report.get("campaigns")) {
      line(
          "| %s | %,d | %,d | %d | %s |", title(campaign.get("machine").asString()), campaign.get("steps").asLong(),
          campaign.get("successes").asLong(), campaign.get("seed").asLong(),
          campaign.has("failure") ? "**yes**" : "none");
    }
    line("");
    JsonNode first = report.get("campaigns").get(0);
    line("How often each outcome came up %s:", title(first.get("machine").asString()));
    line("");
    line("| operation | outcomes |");
    line("|---|---|");
    for (Map.Entry<String, JsonNode> op : first.get("outcomes").properties()) {
      List<String> outcomes = new ArrayList<>();
      op.getValue().properties().forEach(
          outcome -> outcomes.add(outcome.getKey() + " " + "%,d".formatted(outcome.getValue().asLong())));
      line("| %s | %s |", op.getKey(), String.join(", ", outcomes));
    }
    line("");
    line("What cannot come up:");
    line("");
    line("| leaf | outcome | why |");
    line("|---|---|---|");
    report.get("unreachable").forEach(
        one -> line("| %s | %s | %s |", one.get("leaf").asString(), one.get("outcome").asString(),
            one.get("reason").asString()));
    line("");
  }

  private void mutants() {
    line("## Mutants");
    line("");
    line("%d changed monitors, each of which has to be found out.", report.get("mutants").size());
    line("");
    line("| file | what is broken | found out by |");
    line("|---|---|---|");
    report.get("mutants").forEach(
        mutant -> line("| `%s` | %s | %s |", mutant.get("file").asString(), mutant.get("breaks").asString(),
            brief(mutant.get("killer").asString())));
    line("");
  }

  private static String brief(String killer) {
    String one = killer.replace('|', ' ').replace('\n', ' ');
    return one.length() <= 100 ? one : one.substring(0, 100) + "…";
  }

  private void rules() {
    line("## Rules");
    line("");
    line("✓ passed on all platforms; – not applicable, with the reason. Names are operand or field, condition, answer.");
    Map<String, List<JsonNode>> leaves = new LinkedHashMap<>();
    report.get("rules").forEach(
        rule -> leaves.computeIfAbsent(rule.get("leaf").asString(), leaf -> new ArrayList<>()).add(rule));
    leaves.forEach(
        (leaf, rules) -> {
          line("");
          line("### %s", leaf);
          line("");
          line("| rule | says | |");
          line("|---|---|---|");
          for (JsonNode rule : rules) {
            line("| %s | %s | %s |", rule.get("rule").asString(), rule.get("says").asString(), results(rule));
          }
        });
  }

  private String results(JsonNode rule) {
    Map<String, List<String>> byOutcome = new TreeMap<>();
    for (String machine : machines()) {
      byOutcome.computeIfAbsent(rule.get("results").get(machine).asString(), key -> new ArrayList<>()).add(machine);
    }
    if (byOutcome.size() == 1 && byOutcome.containsKey("passed")) {
      return "✓";
    }
    if (byOutcome.size() == 1 && byOutcome.containsKey("not applicable")) {
      return "– " + rule.get("detail").asString();
    }
    return byOutcome + (rule.has("detail") ? ": " + rule.get("detail").asString() : "");
  }
}
