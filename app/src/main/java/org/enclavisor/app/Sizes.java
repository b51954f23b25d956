package org.enclavisor.app;

/** Numbers in the form in which people read them. */
final class Sizes {
  private Sizes() {}

  /** Bytes as B, KiB, MiB or GiB, without a fraction where there is none. */
  static String bytes(long bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    double value = bytes;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return value == Math.rint(value)
        ? "%d %s".formatted((long) value, units[unit])
        : "%.1f %s".formatted(value, units[unit]);
  }

  /** The beginning and the end of a text too long for a line. */
  static String shorten(String text) {
    return text.length() <= 48 ? text : text.substring(0, 32) + "…" + text.substring(text.length() - 12);
  }
}
