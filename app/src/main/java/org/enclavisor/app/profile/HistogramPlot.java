package org.enclavisor.app.profile;

import static org.enclavisor.app.profile.Picture.MARGIN;
import static org.enclavisor.app.profile.Picture.WIDTH;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.enclavisor.app.bench.Times;
import org.enclavisor.host.CallObserver.Direction;

/** How long calls took, by powers of two, beside what a transition costs. */
final class HistogramPlot {
  private static final int LEFT = MARGIN + 116;
  private static final int SPAN = WIDTH - MARGIN - LEFT;
  private static final int HEIGHT = 110;

  private final Profile profile;
  private final StringBuilder svg;

  HistogramPlot(Profile profile, StringBuilder svg) {
    this.profile = profile;
    this.svg = svg;
  }

  private TreeMap<Integer, Long> powers(Direction direction) {
    TreeMap<Integer, Long> powers = new TreeMap<>();
    profile.forEach(
        call -> {
          if (call.direction() == direction) {
            powers.merge(power(call.nanos()), 1L, Long::sum);
          }
        });
    return powers;
  }

  private static int power(long nanos) {
    return 63 - Long.numberOfLeadingZeros(Math.max(1, nanos));
  }

  /** Returns where it ends. */
  int draw(int top) {
    TreeMap<Integer, Long> ecalls = powers(Direction.ECALL);
    TreeMap<Integer, Long> ocalls = powers(Direction.OCALL);
    if (ecalls.isEmpty() && ocalls.isEmpty()) {
      return top;
    }
    TreeMap<Integer, Long> all = new TreeMap<>(ecalls);
    all.putAll(ocalls);
    double transition = Math.log(Math.max(1, profile.transition().nanos())) / Math.log(2);
    int from = Math.min(all.firstKey(), (int) transition);
    int to = Math.max(all.lastKey(), (int) transition) + 1;
    double unit = Math.min(72, (double) SPAN / (to - from));
    long most = 1;
    for (Map<Integer, Long> powers : List.of(ecalls, ocalls)) {
      most = Math.max(most, powers.values().stream().mapToLong(Long::longValue).max().orElse(1));
    }
    Picture.text(svg, MARGIN, top, "head", "start", "How long calls took");
    Picture.text(svg, MARGIN, top + 34, "dim small", "start", "number of calls,");
    Picture.text(svg, MARGIN, top + 48, "dim small", "start", "logarithmic");
    int bottom = top + 22 + HEIGHT;
    Picture.line(svg, LEFT, bottom, LEFT + unit * (to - from), bottom, "rule");
    for (int power = from; power <= to; power++) {
      double x = LEFT + (power - from) * unit;
      if ((unit > 50 || (power - from) % 2 == 0) && x < WIDTH - MARGIN - 20) {
        Picture.text(svg, x, bottom + 16, "dim small", "middle", Times.text(Math.scalb(1.0, power)));
      }
      bar(x + 1, unit / 2 - 1.5, bottom, ecalls.getOrDefault(power, 0L), most, "ecall", "ECALLs", power);
      bar(x + unit / 2 + 0.5, unit / 2 - 1.5, bottom, ocalls.getOrDefault(power, 0L), most, "ocall", "OCALLs", power);
    }
    double x = LEFT + (transition - from) * unit;
    Picture.line(svg, x, top + 12, x, bottom, "mark");
    Picture.text(svg, x + 4, top + 20, "small", "start", "a transition");
    return bottom + 46;
  }

  private void bar(
      double x, double width, int bottom, long count, long most, String colour, String what, int power) {
    if (count == 0) {
      return;
    }
    double height = Math.max(2, (HEIGHT - 14) * Math.log1p(count) / Math.log1p(most));
    Picture.rect(
        svg, x, bottom - height, width, height, 1.5, colour,
        "%d %s took %s to %s"
            .formatted(count, what, Times.text(Math.scalb(1.0, power)), Times.text(Math.scalb(1.0, power + 1))));
  }
}
