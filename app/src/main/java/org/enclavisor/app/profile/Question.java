package org.enclavisor.app.profile;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The arguments of a call, without the call: two are equal if the same was asked. Arrays by their hash. */
record Question(List<Object> arguments) {

  static Question of(Map<String, @Nullable Object> arguments) {
    return new Question(arguments.values().stream().map(Question::comparable).toList());
  }

  private static Object comparable(@Nullable Object value) {
    return switch (value) {
      case null -> "null";
      case byte[] bytes -> Arrays.hashCode(bytes);
      case short[] shorts -> Arrays.hashCode(shorts);
      case int[] ints -> Arrays.hashCode(ints);
      case long[] longs -> Arrays.hashCode(longs);
      case Object[] objects -> Arrays.deepHashCode(objects);
      case Number number -> number;
      case String text -> text;
      default -> value.toString();
    };
  }
}
