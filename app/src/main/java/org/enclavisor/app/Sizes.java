package org.enclavisor.app;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Numbers in the form in which people read them. */
final class Sizes {
  private Sizes() {}

  /** A number of bytes as people write it: 4096, 64K, 16M, 1G. */
  static final class Converter implements ITypeConverter<Long> {
    @Override
    public Long convert(String text) {
      int unit = text.isEmpty() ? -1 : "KMG".indexOf(Character.toUpperCase(text.charAt(text.length() - 1)));
      try {
        long number = Long.parseUnsignedLong(unit < 0 ? text : text.substring(0, text.length() - 1));
        return Math.multiplyExact(number, 1L << 10 * (unit + 1));
      } catch (NumberFormatException | ArithmeticException e) {
        throw new TypeConversionException("expected bytes, such as 4096, 64K, 16M or 1G, found '" + text + "'");
      }
    }
  }

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
