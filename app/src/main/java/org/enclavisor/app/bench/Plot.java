package org.enclavisor.app.bench;

import java.util.List;
import java.util.Locale;

/** Draws rows as bars on a logarithmic scale of time, as SVG. */
final class Plot {
  private static final int LEFT = 300;
  private static final int WIDTH = 560;
  private static final int BAR = 20;
  private static final int GAP = 8;
  private static final int TOP = 56;

  private Plot() {}

  static String svg(String title, List<Row> rows) {
    double least = rows.stream().mapToDouble(Row::nanos).min().orElse(1);
    double most = rows.stream().mapToDouble(Row::nanos).max().orElse(1);
    double from = Math.floor(Math.log10(least));
    double to = Math.ceil(Math.log10(most));
    int height = TOP + rows.size() * (BAR + GAP) + 40;
    StringBuilder svg = new StringBuilder();
    svg.append(
        ("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\""
                + " font-family=\"Inter, Segoe UI, Helvetica, Arial, sans-serif\" font-size=\"12\">%n")
            .formatted(LEFT + WIDTH + 120, height, title));
    svg.append("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    svg.append("<text x=\"16\" y=\"26\" font-size=\"15\" font-weight=\"600\">").append(title).append("</text>\n");
    for (int decade = (int) from; decade <= to; decade++) {
      double x = LEFT + WIDTH * (decade - from) / (to - from);
      svg.append(line(x, TOP - 8, height - 32));
      svg.append(text(x, height - 14, "middle", Times.text(Math.pow(10, decade))));
    }
    int y = TOP;
    for (Row row : rows) {
      double width = Math.max(2, WIDTH * (Math.log10(row.nanos()) - from) / (to - from));
      String colour = row.ratio().isPresent() || row.group().equals(CallBench.GROUP) ? "#2563eb" : "#94a3b8";
      svg.append(text(LEFT - 8, y + 14, "end", row.name()));
      svg.append(
          "<rect x=\"%d\" y=\"%d\" width=\"%s\" height=\"%d\" rx=\"3\" fill=\"%s\"/>%n"
              .formatted(LEFT, y, decimal(width), BAR, colour));
      svg.append(text(LEFT + width + 6, y + 14, "start", Times.text(row.nanos())));
      y += BAR + GAP;
    }
    return svg.append("</svg>\n").toString();
  }

  private static String line(double x, int from, int to) {
    return "<line x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\" stroke=\"#e2e8f0\"/>%n"
        .formatted(decimal(x), decimal(x), from, to);
  }

  private static String text(double x, int y, String anchor, String content) {
    return "<text x=\"%s\" y=\"%d\" text-anchor=\"%s\" fill=\"#0f172a\">%s</text>%n"
        .formatted(decimal(x), y, anchor, content);
  }

  private static String decimal(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }
}
