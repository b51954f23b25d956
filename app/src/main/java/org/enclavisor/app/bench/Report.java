package org.enclavisor.app.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a run of the benchmark measured, as text, JSON or a page.
 *
 * @param machine the processor, how many of them, the kernel, the JVM
 * @param rows in the order of measurement
 * @param notes what was left out, and why
 */
public record Report(String machine, List<Row> rows, List<String> notes) {

  /** Lines for a terminal. */
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    lines.add(machine);
    String group = "";
    for (Row row : rows) {
      if (!row.group().equals(group)) {
        group = row.group();
        lines.add("");
        lines.add(group);
      }
      lines.add("  %-44s %10s %14s  %s".formatted(row.name(), Times.text(row.nanos()), cycles(row), ratio(row)));
    }
    notes.forEach(note -> lines.add("note: " + note));
    lines.add("");
    lines.add("published by others, on other machines");
    for (Published figure : Published.FIGURES) {
      lines.add("  %-14s %-44s %s".formatted(figure.system(), figure.operation(), figure.figure()));
    }
    return lines;
  }

  /** For {@code --json}. */
  public Map<String, Object> tree() {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("machine", machine);
    tree.put("rows", rows.stream().map(Row::tree).toList());
    tree.put("notes", notes);
    return tree;
  }

  /** A table for a page. */
  public String markdown() {
    StringBuilder page = new StringBuilder();
    page.append("Measured on: ").append(machine).append(".\n");
    String group = "";
    for (Row row : rows) {
      if (!row.group().equals(group)) {
        group = row.group();
        page.append("\n### ").append(group).append("\n\n| | time | cycles | ratio |\n|---|---:|---:|---|\n");
      }
      page.append("| %s | %s | %s | %s |%n".formatted(row.name(), Times.text(row.nanos()), cycles(row), ratio(row)));
    }
    notes.forEach(note -> page.append("\nNote: ").append(note).append('\n'));
    page.append("\n### published by others, on other machines\n\n| system | operation | figure |\n|---|---|---|\n");
    for (Published figure : Published.FIGURES) {
      page.append("| %s | %s | %s |%n".formatted(figure.system(), figure.operation(), figure.figure()));
    }
    return page.toString();
  }

  private static String cycles(Row row) {
    return row.cycles() >= 1e8 ? "" : String.format(Locale.ROOT, "%,.0f", row.cycles()).replace(',', ' ');
  }

  private static String ratio(Row row) {
    return row.ratio()
        .map(
            r ->
                String.format(Locale.ROOT, "%.3g × %s", r.value(), r.against())
                    + (r.hasTarget()
                        ? String.format(Locale.ROOT, " (wanted: ≤ %.3g: %s)", r.target(), r.met() ? "met" : "MISSED")
                        : ""))
        .orElse("");
  }
}
