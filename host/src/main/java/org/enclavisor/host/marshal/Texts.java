package org.enclavisor.host.marshal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import org.enclavisor.host.Ref;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.host.edl.Passing.Text;
import org.jspecify.annotations.Nullable;

/** Zero-terminated strings: UTF-8 for {@code string}, one code point in 4 bytes for {@code wstring}. */
final class Texts {
  private Texts() {}

  /** The bytes of a string with its zero. */
  static byte[] bytes(@Nullable Object value, Text text, String what) {
    return switch (value) {
      case Ref<?> ref -> bytes(ref.get(), text, what);
      case byte[] raw -> terminated(raw, text, what);
      case CharSequence sequence -> {
        if (sequence.chars().anyMatch(c -> c == 0)) {
          throw new WrongUseException(what + ": expected text without a zero character, found one");
        }
        yield text == Text.WSTRING
            ? wide(sequence.toString())
            : (sequence + "\0").getBytes(StandardCharsets.UTF_8);
      }
      case null -> throw new WrongUseException(what + ": expected a String, found a Ref without a value");
      default ->
          throw new WrongUseException(
              what + ": expected String, Ref<String> or byte[], found " + value.getClass().getName());
    };
  }

  private static byte[] wide(String text) {
    int[] points = text.codePoints().toArray();
    var bytes = new byte[4 * (points.length + 1)];
    for (int i = 0; i < points.length; i++) {
      MemorySegment.ofArray(bytes).set(Scalars.INT, 4L * i, points[i]);
    }
    return bytes;
  }

  private static byte[] terminated(byte[] raw, Text text, String what) {
    long length = length(MemorySegment.ofArray(raw), text);
    if (length < 0) {
      throw new WrongUseException(what + ": expected bytes that end with zero, found none");
    }
    return java.util.Arrays.copyOf(raw, (int) length);
  }

  /** Bytes of the string at the start of a segment, with its zero; -1 if it has no end. */
  static long length(MemorySegment source, Text text) {
    long unit = text == Text.WSTRING ? 4 : 1;
    for (long i = 0; i + unit <= source.byteSize(); i += unit) {
      boolean zero = unit == 1 ? source.get(ValueLayout.JAVA_BYTE, i) == 0 : source.get(Scalars.INT, i) == 0;
      if (zero) {
        return i + unit;
      }
    }
    return -1;
  }

  /** The text in a private copy, up to its zero or its end. */
  static String string(MemorySegment source, Text text) {
    long length = length(source, text);
    if (text == Text.WSTRING) {
      long characters = length < 0 ? source.byteSize() / 4 : length / 4 - 1;
      var result = new StringBuilder();
      for (long i = 0; i < characters; i++) {
        int point = source.get(Scalars.INT, 4 * i);
        result.appendCodePoint(Character.isValidCodePoint(point) ? point : 0xfffd);
      }
      return result.toString();
    }
    byte[] bytes = source.asSlice(0, length < 0 ? source.byteSize() : length - 1).toArray(ValueLayout.JAVA_BYTE);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** Puts a changed string into what was passed for it. */
  @SuppressWarnings("unchecked")
  static void putBack(MemorySegment source, Text text, Object container, String what) {
    switch (container) {
      // The value that was there is a String, or the type asked for is Object.
      case Ref<?> ref -> ((Ref<Object>) ref).set(string(source, text));
      case byte[] raw -> MemorySegment.ofArray(raw).asSlice(0, source.byteSize()).copyFrom(source);
      default ->
          throw new WrongUseException(
              what + ": expected Ref<String> or byte[] for [in, out], found " + container.getClass().getName());
    }
  }
}
