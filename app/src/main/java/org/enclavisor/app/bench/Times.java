package org.enclavisor.app.bench;

import java.util.Locale;

/** Times with three digits and a fitting unit. */
public final class Times {
  private static final String[] UNITS = {"ns", "µs", "ms", "s"};

  private Times() {}

  /** Nanoseconds as ns, µs, ms or s. */
  public static String text(double nanos) {
    int unit = 0;
    double value = nanos;
    while (value >= 999.5 && unit < UNITS.length - 1) {
      value /= 1000;
      unit++;
    }
    int digits = value >= 99.5 || value == Math.rint(value) ? 0 : value >= 9.95 ? 1 : 2;
    return String.format(Locale.ROOT, "%." + digits + "f %s", value, UNITS[unit]);
  }
}
