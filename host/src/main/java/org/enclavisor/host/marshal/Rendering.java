package org.enclavisor.host.marshal;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.Array;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.enclavisor.host.Ref;
import org.enclavisor.host.edl.CType;
import org.enclavisor.host.edl.CType.Basic.Kind;
import org.jspecify.annotations.Nullable;

/** Values as people read them. */
public final class Rendering {
  private Rendering() {}

  /** A value of a C type: an {@code unsigned} 64-bit number as such, bytes in hexadecimal digits. */
  public static String text(@Nullable Object value, CType type) {
    boolean unsigned =
        type instanceof CType.Basic basic && basic.kind() == Kind.UNSIGNED && basic.bytes() == Long.BYTES;
    if (value instanceof Long number && unsigned) {
      return Long.toUnsignedString(number);
    }
    if (value instanceof Long address && type instanceof CType.Pointer) {
      return "0x" + Long.toHexString(address);
    }
    return text(value);
  }

  /** Any value. */
  public static String text(@Nullable Object value) {
    return switch (value) {
      case null -> "null";
      case Ref<?> ref -> text(ref.get());
      case byte[] bytes -> "hex:" + HexFormat.of().formatHex(bytes);
      case MemorySegment segment -> text(segment.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
      case Map<?, ?> map -> {
        var parts = new ArrayList<String>();
        map.forEach((name, member) -> parts.add(name + "=" + text(member)));
        yield String.join(",", parts);
      }
      case List<?> list -> String.join(" ", list.stream().map(element -> "{" + text(element) + "}").toList());
      case Object array when array.getClass().isArray() -> {
        var parts = new ArrayList<String>();
        for (int i = 0; i < Array.getLength(array); i++) {
          parts.add(text(Array.get(array, i)));
        }
        yield String.join(",", parts);
      }
      default -> String.valueOf(value);
    };
  }
}
