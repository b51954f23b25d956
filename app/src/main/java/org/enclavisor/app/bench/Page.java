package org.enclavisor.app.bench;

import java.util.List;

/** The page of results: a text that people wrote, with what was measured between two marks. */
public final class Page {
  private static final String BEGIN = "<!-- measured: begin -->";
  private static final String END = "<!-- measured: end -->";

  private Page() {}

  /** The page with what stands between its marks replaced, or appended where it has none. */
  public static String with(String page, Report report, String plotName) {
    String measured =
        BEGIN + "\n![Transitions and calls](" + plotName + ")\n\n" + report.markdown() + END + "\n";
    int begin = page.indexOf(BEGIN);
    int end = page.indexOf(END);
    if (begin < 0 || end < begin) {
      return page + measured;
    }
    return page.substring(0, begin) + measured + page.substring(end + END.length()).stripLeading();
  }

  /** Transitions and calls, which differ by orders of magnitude, as a picture. */
  public static String plot(Report report) {
    List<Row> rows =
        report.rows().stream()
            .filter(row -> row.group().equals(TransitionBench.GROUP) || row.group().equals(CallBench.GROUP))
            .toList();
    return Plot.svg("Transitions and calls (logarithmic; grey: the machine's own)", rows);
  }
}
