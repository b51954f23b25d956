package org.enclavisor.app.profile;

import static org.enclavisor.app.profile.Picture.MARGIN;
import static org.enclavisor.app.profile.Picture.WIDTH;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.enclavisor.app.bench.Times;
import org.enclavisor.monitor.observe.PagingKind;
import org.jspecify.annotations.Nullable;

/** Lanes over time: each thread's calls, a row for each depth; asynchronous exits by cause; paging. */
final class TimelinePlot {
  private static final int LEFT = MARGIN + 116;
  private static final int SPAN = WIDTH - MARGIN - LEFT;
  private static final int ROW = 18;
  private static final int MOST_THREADS = 8;
  private static final int MOST_DEPTH = 4;
  private static final int PARTS = 200;

  private final Profile profile;
  private final StringBuilder svg;
  private final long begin;
  private final long nanos;
  private int y;

  TimelinePlot(Profile profile, StringBuilder svg) {
    this.profile = profile;
    this.svg = svg;
    begin = profile.begin();
    nanos = Math.max(1, profile.end() - begin);
  }

  /** Returns where it ends. */
  int draw(int top) {
    y = top;
    Picture.text(svg, MARGIN, y, "head", "start", "Over time");
    legend();
    y += 14;
    int first = y;
    int grid = svg.length();
    List<Profile.Lane> lanes =
        profile.lanes().stream()
            .sorted(Comparator.comparingLong((Profile.Lane lane) -> -busy(lane)))
            .toList();
    lanes.stream().limit(MOST_THREADS).forEach(this::lane);
    if (lanes.size() > MOST_THREADS) {
      Picture.text(
          svg, MARGIN, y + 12, "dim small", "start",
          "and %d more threads that were busy for less".formatted(lanes.size() - MOST_THREADS));
      y += ROW;
    }
    Map<String, Long> causes = new TreeMap<>();
    profile.exits().forEach(exit -> causes.merge(exit.cause(), 1L, Long::sum));
    causes.forEach(
        (cause, count) ->
            bars(
                "AEX " + cause, Timeline.exits(profile, exit -> exit.cause().equals(cause), PARTS),
                cause.equals(Profile.INTERRUPT) ? "interrupt" : "fault"));
    for (PagingKind kind : PagingKind.values()) {
      paging(kind.name(), "pages " + kind.name().toLowerCase(Locale.ROOT));
    }
    paging(Profile.SERVED, "faults served");
    svg.insert(grid, axis(first, y));
    return y + 48;
  }

  private static long busy(Profile.Lane lane) {
    return lane.calls().stream().mapToLong(Call::nanos).sum();
  }

  private void legend() {
    double x = WIDTH - MARGIN - 280;
    for (String[] entry : new String[][] {{"ECALL", "ecall"}, {"OCALL", "ocall"}, {"ECALL in an OCALL", "nested"}}) {
      Picture.rect(svg, x, y - 9, 10, 10, 2, entry[1], "");
      Picture.text(svg, x + 16, y, "dim small", "start", entry[0]);
      x += 80;
    }
  }

  private void paging(String kind, String name) {
    bars(name, Timeline.paging(profile, each -> each.kind().equals(kind), PARTS), kind.toLowerCase(Locale.ROOT));
  }

  private String axis(int top, int bottom) {
    StringBuilder lines = new StringBuilder();
    long step = step();
    for (long at = 0; at <= nanos; at += step) {
      double x = LEFT + (double) at / nanos * SPAN;
      Picture.line(lines, x, top, x, bottom + 4, "rule");
      Picture.text(lines, x, bottom + 18, "dim small", "middle", at == 0 ? "0" : Times.text(at));
    }
    return lines.toString();
  }

  /** 1, 2 or 5 times a power of ten, so that there are five to ten of them. */
  private long step() {
    long step = 1;
    while (true) {
      for (int factor : new int[] {1, 2, 5}) {
        if (nanos / (step * factor) < 10) {
          return step * factor;
        }
      }
      step *= 10;
    }
  }

  private void lane(Profile.Lane lane) {
    Picture.text(
        svg, MARGIN, y + 13, "small", "start",
        lane.thread().length() <= 18 ? lane.thread() : lane.thread().substring(0, 17) + "…");
    List<Call> row = lane.calls();
    for (int depth = 0; depth < MOST_DEPTH && !row.isEmpty(); depth++) {
      row(row, depth == 0 ? "ecall" : depth % 2 == 1 ? "ocall" : "nested");
      List<Call> next = new ArrayList<>();
      row.forEach(call -> next.addAll(call.children()));
      row = next;
      y += ROW;
    }
    y += 6;
  }

  /** Calls that would share a point become one block, which says how many. */
  private void row(List<Call> calls, String colour) {
    Call first = null;
    Call last = null;
    int count = 0;
    boolean same = true;
    for (Call call : calls) {
      if (first != null && last != null && x(call.begin()) - x(last.end()) < 0.7
          && (same && call.name().equals(first.name()) || x(call.end()) - x(first.begin()) < 3)) {
        same &= call.name().equals(first.name());
        count++;
      } else {
        block(first, last, count, same, colour);
        first = call;
        count = 1;
        same = true;
      }
      last = call;
    }
    block(first, last, count, same, colour);
  }

  private void block(@Nullable Call first, @Nullable Call last, int count, boolean same, String colour) {
    if (first == null || last == null) {
      return;
    }
    double from = x(first.begin());
    double width = Math.max(1, x(last.end()) - from);
    String what = (same ? first.name() : "calls") + (count > 1 ? " × " + count : "");
    Picture.rect(
        svg, from, y, width, ROW - 4, Math.min(2, width / 2), colour,
        what + ", " + Times.text(last.end() - first.begin()));
    if (width > what.length() * 6.4 + 8) {
      svg.append(
          String.format(
              Locale.ROOT,
              "<text x=\"%.1f\" y=\"%d\" class=\"in small\" pointer-events=\"none\">%s</text>%n",
              from + 4, y + 11, Picture.escape(what)));
    }
  }

  private double x(long at) {
    return LEFT + (double) (at - begin) / nanos * SPAN;
  }

  private void bars(String name, Timeline timeline, String colour) {
    if (timeline.sum() == 0) {
      return;
    }
    int height = 26;
    Picture.text(svg, MARGIN, y + 13, "small", "start", name);
    Picture.text(svg, MARGIN, y + 25, "dim small", "start", "%,d".formatted((long) timeline.sum()));
    double top = Math.log1p(timeline.most());
    double width = (double) SPAN / timeline.parts().length;
    for (int i = 0; i < timeline.parts().length; i++) {
      double amount = timeline.parts()[i];
      if (amount > 0) {
        double high = Math.max(2, height * Math.log1p(amount) / top);
        Picture.rect(
            svg, LEFT + i * width, y + height - high, Math.max(1, width - 0.6), high, 0,
            colour, "%d × %s".formatted((long) amount, name));
      }
    }
    y += height + 8;
  }
}
