package org.enclavisor.app.profile;

import java.util.List;
import java.util.Locale;
import org.enclavisor.app.bench.Times;

/** A profile as one SVG, which needs nothing else, and is readable on light and on dark. */
public final class Picture {
  static final int WIDTH = 960;
  static final int MARGIN = 24;
  private static final int MOST_FINDINGS = 6;

  // Plain rules instead of variables: not every viewer knows those.
  private static final String STYLE =
      """
      text{fill:#1f2328;font:12px Inter,"Segoe UI",Helvetica,Arial,sans-serif}
      .ground{fill:#ffffff}.card{fill:#f6f8fa;stroke:#d8dee4}.track{fill:#d8dee4}.rule{stroke:#d8dee4}
      .mark{stroke:#cf3b4b;stroke-dasharray:4 3}text.dim{fill:#656d76}text.in{fill:#ffffff}
      .ecall{fill:#2f6fdf}.ocall{fill:#c9711b}.nested{fill:#2a8f83}.fault{fill:#cf3b4b}.interrupt{fill:#8c959f}
      .evicted{fill:#8250df}.reloaded{fill:#b25ad6}.grown{fill:#3a9a4b}.served{fill:#6d9cb9}
      .small{font-size:11px}.big{font-size:20px;font-weight:600}.title{font-size:17px;font-weight:600}
      .head{font-size:13px;font-weight:600}
      @media (prefers-color-scheme:dark){text{fill:#e6edf3}
      .ground{fill:#0d1117}.card{fill:#161b22;stroke:#30363d}.track{fill:#30363d}.rule{stroke:#30363d}
      .mark{stroke:#ff6b78}text.dim{fill:#8d96a0}text.in{fill:#0d1117}
      .ecall{fill:#5b94ff}.ocall{fill:#f0a04b}.nested{fill:#4fc3b4}.fault{fill:#ff6b78}.interrupt{fill:#7d8590}
      .evicted{fill:#a987f5}.reloaded{fill:#d6a0f0}.grown{fill:#5cc46e}.served{fill:#9cc7e0}}
      """;

  private final StringBuilder svg = new StringBuilder();
  private final Profile profile;
  private final List<Finding> findings;
  private int y = MARGIN;

  private Picture(Profile profile, List<Finding> findings) {
    this.profile = profile;
    this.findings = findings;
  }

  /**
   * @param title the enclave's name
   */
  public static String svg(String title, Profile profile, List<Finding> findings) {
    Picture picture = new Picture(profile, findings);
    picture.head(title);
    picture.tiles();
    picture.y = new TimelinePlot(profile, picture.svg).draw(picture.y);
    picture.y = new HistogramPlot(profile, picture.svg).draw(picture.y);
    picture.findings();
    int height = picture.y + MARGIN;
    return """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Profile of %s">
        <style>
        %s</style>
        <rect width="%d" height="%d" class="ground"/>
        %s</svg>
        """
        .formatted(WIDTH, height, escape(title), STYLE, WIDTH, height, picture.svg);
  }

  private void head(String title) {
    y += 14;
    text(svg, MARGIN, y, "title", "start", "Profile of " + title);
    text(
        svg, WIDTH - MARGIN, y, "dim", "end",
        profile.transition().rounds() == 0
            ? "a transition is taken to cost " + Times.text(profile.transition().nanos())
            : "a transition costs %s, median of %d".formatted(
                Times.text(profile.transition().nanos()), profile.transition().rounds()));
    y += 18;
  }

  private void tiles() {
    long ecalls = profile.functions().stream().filter(f -> isEcall(f)).mapToLong(Profile.Function::count).sum();
    long ocalls = profile.functions().stream().filter(f -> !isEcall(f)).mapToLong(Profile.Function::count).sum();
    long pages = profile.paging().stream().mapToLong(Profile.Paging::pages).sum();
    String[][] tiles = {
      {"%,d".formatted(ecalls), "ECALLs"},
      {"%,d".formatted(ocalls), "OCALLs"},
      {"%,d".formatted(profile.exits().size()), "asynchronous exits"},
      {"%,d".formatted(pages), "pages and faults"},
      {Times.text(profile.inCalls()), "in calls"},
      {percent(profile.shareInTransitions()), "of it in transitions"},
    };
    int gap = 10;
    int width = (WIDTH - 2 * MARGIN - (tiles.length - 1) * gap) / tiles.length;
    for (int i = 0; i < tiles.length; i++) {
      int x = MARGIN + i * (width + gap);
      rect(svg, x, y, width, 56, 6, "card", "");
      text(svg, x + 12, y + 26, "big", "start", tiles[i][0]);
      text(svg, x + 12, y + 44, "dim small", "start", tiles[i][1]);
    }
    y += 56 + 26;
  }

  private static boolean isEcall(Profile.Function function) {
    return switch (function.direction()) {
      case ECALL -> true;
      case OCALL -> false;
    };
  }

  private void findings() {
    text(svg, MARGIN, y, "head", "start", findings.isEmpty() ? "Nothing to find fault with" : "What could be better");
    y += 14;
    double most = findings.isEmpty() ? 1 : findings.getFirst().share();
    for (Finding finding : findings.stream().limit(MOST_FINDINGS).toList()) {
      rect(svg, MARGIN, y, WIDTH - 2 * MARGIN, 62, 6, "card", "");
      rect(svg, MARGIN + 12, y + 12, 104, 8, 4, "track", "");
      rect(svg, MARGIN + 12, y + 12, 104 * finding.share() / most, 8, 4, "fault", "");
      text(svg, MARGIN + 12, y + 36, "head", "start", percent(finding.share()));
      text(svg, MARGIN + 12, y + 51, "dim small", "start", "saves " + Times.text(finding.gain()));
      text(svg, MARGIN + 136, y + 20, "head", "start", finding.function());
      text(svg, MARGIN + 136, y + 37, "small", "start", shorten(finding.what()));
      text(svg, MARGIN + 136, y + 52, "dim small", "start", shorten(finding.advice()));
      y += 70;
    }
    if (findings.size() > MOST_FINDINGS) {
      text(svg, MARGIN, y + 10, "dim", "start", "and %d more".formatted(findings.size() - MOST_FINDINGS));
      y += 18;
    }
  }

  private static String shorten(String text) {
    return text.length() <= 132 ? text : text.substring(0, 131) + "…";
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, share < 0.0995 ? "%.1f %%" : "%.0f %%", 100 * share);
  }

  static void text(StringBuilder svg, double x, double y, String style, String anchor, String content) {
    svg.append(
        String.format(
            Locale.ROOT, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\">%s</text>%n", x, y, style, anchor,
            escape(content)));
  }

  /**
   * @param style a class
   * @param tip shown by a browser; empty for none
   */
  static void rect(
      StringBuilder svg, double x, double y, double width, double height, double radius, String style, String tip) {
    svg.append(
        String.format(
            Locale.ROOT, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%.1f\" class=\"%s\"", x, y,
            Math.max(0, width), height, radius, style));
    svg.append(tip.isEmpty() ? "/>\n" : "><title>" + escape(tip) + "</title></rect>\n");
  }

  static void line(StringBuilder svg, double x1, double y1, double x2, double y2, String style) {
    svg.append(
        String.format(
            Locale.ROOT, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>%n", x1, y1, x2, y2,
            style));
  }

  /** Names come from an enclave's interface, which may hold anything. */
  static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
  }
}
