package org.enclavisor.conformance;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.enclavisor.conformance.Results.Outcome;
import org.enclavisor.conformance.Results.Verdict;
import org.enclavisor.conformance.campaign.Campaign;
import org.jspecify.annotations.Nullable;

/**
 * What a machine showed, as JSON: each rule by its leaf and name; rules about the order of two checks, of which
 * there are thousands, as a count for each leaf; the campaign's outcomes.
 *
 * <pre>
 *   {"machine": "stub",
 *    "rules": [{"leaf": …, "rule": …, "kind": …, "says": …, "outcome": …, "detail": …}, …],
 *    "orders": [{"leaf": …, "passed": …, "failed": …, "not applicable": …}, …],
 *    "campaign": {"seed": …, "steps": …, "successes": …, "outcomes": {leaf: {outcome: count}}, "failure": …}}
 * </pre>
 */
public final class JsonReport {
  private JsonReport() {}

  /** Of the rules, and of the campaign if there was one. */
  public static String of(Results results, Campaign.@Nullable Report campaign) {
    var text = new StringBuilder("{\"machine\": ").append(quoted(results.machine())).append(",\n\"rules\": [\n");
    List<String> rules = new ArrayList<>();
    Map<String, long[]> orders = new LinkedHashMap<>();
    for (Verdict verdict : results.verdicts()) {
      if (verdict.rule().kind() == Rule.Kind.ORDER) {
        orders.computeIfAbsent(verdict.rule().leaf(), leaf -> new long[3])[verdict.outcome().ordinal()]++;
      } else {
        rules.add(rule(verdict));
      }
    }
    text.append(String.join(",\n", rules)).append("],\n\"orders\": [\n");
    List<String> lines = new ArrayList<>();
    orders.forEach(
        (leaf, counts) ->
            lines.add(
                "{\"leaf\": %s, \"passed\": %d, \"failed\": %d, \"not applicable\": %d}"
                    .formatted(quoted(leaf), counts[0], counts[1], counts[2])));
    text.append(String.join(",\n", lines)).append("]");
    if (campaign != null) {
      text.append(",\n\"campaign\": ").append(campaign(campaign));
    }
    return text.append("}\n").toString();
  }

  private static String rule(Verdict verdict) {
    Rule rule = verdict.rule();
    String detail = verdict.detail();
    return "{\"leaf\": %s, \"rule\": %s, \"kind\": %s, \"says\": %s, \"outcome\": %s%s}"
        .formatted(
            quoted(rule.leaf()), quoted(rule.id()), quoted(lower(rule.kind())), quoted(rule.says()),
            quoted(name(verdict.outcome())), detail == null ? "" : ", \"detail\": " + quoted(detail));
  }

  private static String lower(Rule.Kind kind) {
    return switch (kind) {
      case PRECONDITION -> "precondition";
      case FAULT -> "fault";
      case ORDER -> "order";
      case CONCURRENCY -> "concurrency";
      case EFFECT -> "effect";
    };
  }

  private static String name(Outcome outcome) {
    return switch (outcome) {
      case PASSED -> "passed";
      case FAILED -> "failed";
      case NOT_APPLICABLE -> "not applicable";
    };
  }

  private static String campaign(Campaign.Report report) {
    List<String> operations = new ArrayList<>();
    report.coverage().counts().forEach(
        (op, counts) -> {
          List<String> outcomes = new ArrayList<>();
          counts.forEach((outcome, count) -> outcomes.add(quoted(outcome) + ": " + count));
          operations.add(quoted(op.name()) + ": {" + String.join(", ", outcomes) + "}");
        });
    Campaign.Failure failure = report.failure();
    return "{\"seed\": %d, \"steps\": %d, \"successes\": %d,\n\"outcomes\": {\n%s}%s}"
        .formatted(
            report.seed(), report.coverage().steps(), report.coverage().successes(), String.join(",\n", operations),
            failure == null ? "" : ",\n\"failure\": " + quoted(failure.toString()));
  }

  private static String quoted(String text) {
    var quoted = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      switch (c) {
        case '"' -> quoted.append("\\\"");
        case '\\' -> quoted.append("\\\\");
        case '\n' -> quoted.append("\\n");
        default -> {
          if (c < ' ') {
            quoted.append("\\u%04x".formatted((int) c));
          } else {
            quoted.append(c);
          }
        }
      }
    }
    return quoted.append('"').toString();
  }
}
