package org.enclavisor.app.conformance;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.enclavisor.conformance.campaign.Outcomes;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Joins the reports of several machines, as {@link org.enclavisor.conformance.JsonReport} writes them, and that of the
 * mutants into one file, with each rule once.
 */
final class ConformanceReport {
  static final Path FILE = Path.of("..", "docs", "conformance.json");
  static final Path PAGE = Path.of("..", "docs", "conformance.md");
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private ConformanceReport() {}

  static JsonNode read() throws IOException {
    return MAPPER.readTree(Files.readString(FILE));
  }

  /** One line for each rule, so that a change can be read. */
  static String joined(List<String> reports, List<String> mutants) {
    List<JsonNode> machines = reports.stream().map(MAPPER::readTree).toList();
    List<String> names = machines.stream().map(machine -> machine.get("machine").asString()).toList();
    List<String> rules = new ArrayList<>();
    for (int i = 0; i < machines.getFirst().get("rules").size(); i++) {
      ObjectNode rule = (ObjectNode) machines.getFirst().get("rules").get(i).deepCopy();
      ObjectNode results = MAPPER.createObjectNode();
      for (JsonNode machine : machines) {
        JsonNode same = machine.get("rules").get(i);
        results.put(machine.get("machine").asString(), same.get("outcome").asString());
        if (same.has("detail")) {
          rule.put("detail", same.get("detail").asString());
        }
      }
      rule.remove("outcome");
      rule.set("results", results);
      rules.add(rule.toString());
    }
    List<String> orders = new ArrayList<>();
    for (int i = 0; i < machines.getFirst().get("orders").size(); i++) {
      ObjectNode order = MAPPER.createObjectNode();
      order.put("leaf", machines.getFirst().get("orders").get(i).get("leaf").asString());
      ObjectNode results = order.putObject("results");
      for (JsonNode machine : machines) {
        ObjectNode counts = (ObjectNode) machine.get("orders").get(i).deepCopy();
        counts.remove("leaf");
        results.set(machine.get("machine").asString(), counts);
      }
      orders.add(order.toString());
    }
    List<String> campaigns = new ArrayList<>();
    for (JsonNode machine : machines) {
      ObjectNode campaign = MAPPER.createObjectNode();
      campaign.put("machine", machine.get("machine").asString());
      campaign.setAll((ObjectNode) machine.get("campaign"));
      campaigns.add(campaign.toString());
    }
    List<String> unreachable = new ArrayList<>();
    for (Outcomes.Unreachable one : Outcomes.UNREACHABLE) {
      unreachable.add(
          MAPPER.createObjectNode().put("leaf", one.leaf()).put("outcome", one.outcome()).put("reason", one.reason())
              .toString());
    }
    List<String> killed = new ArrayList<>();
    for (String line : mutants) {
      String[] parts = line.split("\t");
      killed.add(
          MAPPER.createObjectNode().put("file", parts[0]).put("breaks", parts[2]).put("killer", parts[3]).toString());
    }
    return "{\"machines\": " + MAPPER.writeValueAsString(names)
        + array("rules", rules) + array("orders", orders) + array("campaigns", campaigns)
        + array("unreachable", unreachable) + array("mutants", killed) + "}\n";
  }

  private static String array(String name, List<String> elements) {
    return ",\n\"" + name + "\": [\n" + String.join(",\n", elements) + "]";
  }

  static String page(String report) {
    return ConformancePage.of(MAPPER.readTree(report));
  }
}
