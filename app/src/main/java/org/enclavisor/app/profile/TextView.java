package org.enclavisor.app.profile;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.enclavisor.app.bench.Times;
import org.enclavisor.host.CallObserver.Direction;
import org.enclavisor.monitor.observe.PagingKind;

/** A profile for a terminal. */
public final class TextView {
  private static final int WIDTH = 48;
  private static final int MOST_FUNCTIONS = 25;

  private final Profile profile;
  private final List<Finding> findings;
  private final List<String> lines = new ArrayList<>();

  private TextView(Profile profile, List<Finding> findings) {
    this.profile = profile;
    this.findings = findings;
  }

  /** Lines of text. */
  public static List<String> of(Profile profile, List<Finding> findings) {
    TextView view = new TextView(profile, findings);
    view.timelines();
    view.functions();
    view.cost();
    view.findings();
    return view.lines;
  }

  private void line(String format, Object... arguments) {
    lines.add(String.format(Locale.ROOT, format, arguments));
  }

  private void timelines() {
    long threads = profile.lanes().size();
    line("");
    line(
        "%s on %d thread%s, of which %s in calls",
        Times.text(profile.end() - profile.begin()), threads, threads == 1 ? "" : "s", Times.text(profile.inCalls()));
    row("ECALLs", Timeline.calls(profile, Direction.ECALL, WIDTH));
    row("OCALLs", Timeline.calls(profile, Direction.OCALL, WIDTH));
    Map<String, Long> causes = new TreeMap<>();
    profile.exits().forEach(exit -> causes.merge(exit.cause(), 1L, Long::sum));
    causes
        .keySet()
        .forEach(cause -> row("AEX " + cause, Timeline.exits(profile, e -> e.cause().equals(cause), WIDTH)));
    for (PagingKind kind : PagingKind.values()) {
      pages(kind.name(), "pages " + kind.name().toLowerCase(Locale.ROOT));
    }
    pages(Profile.SERVED, "faults served");
    if (profile.dropped() > 0) {
      line("  %d later calls were not recorded: too many to keep", profile.dropped());
    }
  }

  private void pages(String kind, String name) {
    row(name, Timeline.paging(profile, each -> each.kind().equals(kind), WIDTH));
  }

  private void row(String name, Timeline timeline) {
    if (timeline.sum() > 0) {
      line("  %-16s %9d  %s", name, (long) timeline.sum(), timeline.spark());
    }
  }

  private void functions() {
    List<Profile.Function> functions = profile.functions();
    if (functions.isEmpty()) {
      return;
    }
    int width = Math.clamp(functions.stream().mapToInt(each -> each.name().length()).max().orElse(8), 8, 40);
    line("");
    line(
        "  %-" + width + "s  %-5s %9s %9s %9s %9s %12s", "function", "", "calls", "together", "median", "95 %",
        "transitions");
    functions.stream().limit(MOST_FUNCTIONS).forEach(function -> function(function, width));
    if (functions.size() > MOST_FUNCTIONS) {
      line("  … and %d more; --json has all", functions.size() - MOST_FUNCTIONS);
    }
  }

  private void function(Profile.Function function, int width) {
    line(
        "  %-" + width + "s  %-5s %9d %9s %9s %9s %10.1f %%", function.name(), function.direction(), function.count(),
        Times.text(function.total()), Times.text(function.quantile(0.5)), Times.text(function.quantile(0.95)),
        100 * function.shareInTransitions(profile.transition().nanos()));
  }

  private void cost() {
    Transitions.Cost cost = profile.transition();
    line("");
    if (cost.rounds() == 0) {
      line("A transition, in and out, is taken to cost %s, by the quickest stays inside.", Times.text(cost.nanos()));
    } else {
      line(
          "A transition, in and out, costs %s here (median of %d, between the calls); to record it, %s more.",
          Times.text(cost.nanos()), cost.rounds(), Times.text(Math.max(0, cost.recordedNanos() - cost.nanos())));
    }
    line(
        "%d transitions are %.1f %% of the time in calls.", profile.transitions(),
        100 * profile.shareInTransitions());
  }

  private void findings() {
    line("");
    if (findings.isEmpty()) {
      line("Nothing to find fault with.");
      return;
    }
    line("What could be better:");
    int number = 1;
    for (Finding finding : findings) {
      line("");
      line(
          "%2d. %s: saves about %s, %.1f %% of the time in calls", number++, finding.function(),
          Times.text(finding.gain()), 100 * finding.share());
      line("    %s.", finding.what());
      line("    -> %s", finding.advice());
    }
  }
}
