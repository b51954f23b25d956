package org.enclavisor.host.debug;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Reads the parts of packets, which a stranger may have written: what is not as it should be is empty. */
final class Requests {
  /** Bytes of the longest piece of memory that fits into an answer. */
  static final int LARGEST_READ = PacketReader.LARGEST / 2 - 8;

  private static final HexFormat HEX = HexFormat.of();

  private Requests() {}

  /** A piece of memory, or of a text. */
  record Range(long address, int length) {}

  private static boolean isHex(String text) {
    return text.chars().allMatch(c -> c < 128 && Character.digit(c, 16) >= 0);
  }

  /** A number of at most 64 bits, taken as unsigned. */
  static OptionalLong number(String hex) {
    return hex.isEmpty() || hex.length() > 16 || !isHex(hex)
        ? OptionalLong.empty()
        : OptionalLong.of(Long.parseUnsignedLong(hex, 16));
  }

  /** Bytes, two digits each. */
  static Optional<byte[]> bytes(String hex) {
    return hex.length() % 2 == 0 && isHex(hex) ? Optional.of(HEX.parseHex(hex)) : Optional.empty();
  }

  /** {@code address,length}, with a length that fits into a packet, or shortened to one. */
  static Optional<Range> range(String text) {
    int comma = text.indexOf(',');
    if (comma < 0) {
      return Optional.empty();
    }
    OptionalLong address = number(text.substring(0, comma));
    OptionalLong length = number(text.substring(comma + 1));
    return address.isPresent() && length.isPresent() && length.getAsLong() >= 0
        ? Optional.of(new Range(address.getAsLong(), (int) Math.min(length.getAsLong(), LARGEST_READ)))
        : Optional.empty();
  }

  /** A thread's number, 0 for any, −1 for all. */
  static OptionalInt thread(String text) {
    if (text.equals("-1")) {
      return OptionalInt.of(-1);
    }
    OptionalLong number = number(text);
    return number.isPresent() && number.getAsLong() >= 0 && number.getAsLong() <= Integer.MAX_VALUE
        ? OptionalInt.of((int) number.getAsLong())
        : OptionalInt.empty();
  }

  /** What a letter and a signal ask of a thread. */
  static Optional<ResumePlan.Action> action(char letter, String signal) {
    OptionalLong number = number(signal);
    if (number.isEmpty() || number.getAsLong() < 0 || number.getAsLong() > 0xFF) {
      return Optional.empty();
    }
    int with = (int) number.getAsLong();
    return switch (letter) {
      case 'c', 'C' -> Optional.of(new ResumePlan.Action(ResumePlan.Way.CONTINUE, with));
      case 's', 'S' -> Optional.of(new ResumePlan.Action(ResumePlan.Way.STEP, with));
      default -> Optional.empty();
    };
  }

  /**
   * {@code action[:thread]}, several of them separated by semicolons; for each thread, the first that fits counts.
   *
   * @param current the thread that “any” means
   */
  static Optional<ResumePlan> plan(String text, int current) {
    Map<Integer, ResumePlan.Action> actions = new HashMap<>();
    ResumePlan.@Nullable Action others = null;
    for (String part : text.split(";", -1)) {
      int colon = part.indexOf(':');
      String what = colon < 0 ? part : part.substring(0, colon);
      OptionalInt id = colon < 0 ? OptionalInt.of(-1) : thread(part.substring(colon + 1));
      boolean withSignal = what.startsWith("C") || what.startsWith("S");
      if (what.isEmpty() || id.isEmpty() || !withSignal && what.length() != 1) {
        return Optional.empty();
      }
      Optional<ResumePlan.Action> action = action(what.charAt(0), withSignal ? what.substring(1) : "0");
      if (action.isEmpty()) {
        return Optional.empty();
      }
      if (id.getAsInt() < 0) {
        others = others == null ? action.get() : others;
      } else if (others == null) {
        actions.putIfAbsent(id.getAsInt() == 0 ? current : id.getAsInt(), action.get());
      }
    }
    return Optional.of(new ResumePlan(actions, others == null ? ResumePlan.Action.HOLD : others));
  }

  /** A text as the hexadecimal digits of its UTF-8. */
  static String hexText(String text) {
    return HEX.formatHex(text.getBytes(StandardCharsets.UTF_8));
  }
}
