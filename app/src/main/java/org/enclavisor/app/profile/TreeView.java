package org.enclavisor.app.profile;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.enclavisor.host.CallObserver.Direction;
import org.enclavisor.monitor.observe.Counters;
import org.enclavisor.monitor.observe.Histogram;

/** A profile for {@code --json}. Times are in nanoseconds. */
public final class TreeView {
  private static final int PARTS = 100;

  private TreeView() {}

  /** Maps and lists. */
  public static Map<String, Object> of(Profile profile, List<Finding> findings, Counters counters) {
    Map<String, Object> tree = new LinkedHashMap<>();
    Map<String, Object> transition = new LinkedHashMap<>();
    transition.put("nanos", profile.transition().nanos());
    transition.put("recordedNanos", profile.transition().recordedNanos());
    transition.put("rounds", profile.transition().rounds());
    tree.put("transition", transition);
    tree.put("nanos", profile.end() - profile.begin());
    tree.put("inCalls", profile.inCalls());
    tree.put("transitions", profile.transitions());
    tree.put("shareInTransitions", profile.shareInTransitions());
    tree.put("threads", profile.lanes().stream().map(Profile.Lane::thread).toList());
    tree.put("notRecorded", profile.dropped());
    tree.put(
        "functions", profile.functions().stream().map(each -> function(each, profile.transition().nanos())).toList());
    tree.put("timeline", timeline(profile));
    tree.put("findings", findings.stream().map(TreeView::finding).toList());
    List<Counters.Row> rows = counters.enclaves().stream().flatMap(id -> counters.rows(id).stream()).toList();
    tree.put("counters", rows.stream().map(TreeView::row).toList());
    return tree;
  }

  private static Map<String, Object> function(Profile.Function function, long transition) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("name", function.name());
    tree.put("direction", function.direction());
    tree.put("count", function.count());
    tree.put("total", function.total());
    tree.put("median", function.quantile(0.5));
    tree.put("p95", function.quantile(0.95));
    tree.put("work", function.work(transition, 0.5));
    tree.put("transitions", function.transitions());
    tree.put("shareInTransitions", function.shareInTransitions(transition));
    tree.put("asynchronousExits", function.calls().stream().mapToLong(Call::asynchronousExits).sum());
    return tree;
  }

  private static Map<String, Object> timeline(Profile profile) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("partNanos", (profile.end() - profile.begin()) / PARTS);
    tree.put("ecalls", Timeline.calls(profile, Direction.ECALL, PARTS).parts());
    tree.put("ocalls", Timeline.calls(profile, Direction.OCALL, PARTS).parts());
    profile.exits().stream()
        .map(Profile.AsynchronousExit::cause)
        .distinct()
        .sorted()
        .forEach(
            cause -> tree.put(cause, Timeline.exits(profile, exit -> exit.cause().equals(cause), PARTS).parts()));
    profile.paging().stream()
        .map(Profile.Paging::kind)
        .distinct()
        .sorted()
        .forEach(kind -> tree.put(kind, Timeline.paging(profile, each -> each.kind().equals(kind), PARTS).parts()));
    return tree;
  }

  private static Map<String, Object> finding(Finding finding) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("kind", finding.kind());
    tree.put("direction", finding.direction());
    tree.put("function", finding.function());
    finding.other().ifPresent(other -> tree.put("other", other));
    tree.put("count", finding.count());
    tree.put("work", finding.work());
    tree.put("gain", finding.gain());
    tree.put("share", finding.share());
    tree.put("what", finding.what());
    tree.put("advice", finding.advice());
    return tree;
  }

  private static Map<String, Object> row(Counters.Row row) {
    Histogram times = row.times();
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("kind", row.key().kind());
    tree.put("subject", row.key().subject());
    tree.put("outcome", row.key().outcome());
    tree.put("count", times.count());
    tree.put("pages", row.pages());
    tree.put("total", times.total());
    tree.put("median", times.quantile(0.5));
    tree.put("p95", times.quantile(0.95));
    tree.put(
        "histogram",
        times.buckets().stream()
            .map(bucket -> Map.of("from", bucket.from(), "to", bucket.to(), "count", bucket.count()))
            .toList());
    return tree;
  }
}
