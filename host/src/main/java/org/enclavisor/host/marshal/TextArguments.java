package org.enclavisor.host.marshal;

import java.io.IOException;
import java.lang.reflect.Array;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.function.ToLongFunction;
import org.enclavisor.host.Ref;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.host.edl.CType.Basic.Kind;
import org.enclavisor.host.edl.Passing;
import org.enclavisor.host.edl.Passing.ByAddress;
import org.jspecify.annotations.Nullable;

/**
 * Arguments as a person types them, made into values for the parameters of a function.
 *
 * <ul>
 *   <li>numbers: {@code 42}, {@code -1}, {@code 0xff}, {@code 1.5}, {@code true}, {@code 'c'}, or the name of an
 *       enumeration's constant
 *   <li>strings and bytes: the text itself; {@code hex:00ff}, {@code @file} for the content of a file
 *   <li>arrays of numbers: {@code 1,2,3}
 *   <li>structures: {@code x=1,y=2}, or bytes as {@code hex:} or {@code @file}; bare text is taken for a slip
 *   <li>{@code null} for NULL, {@code _} for a buffer that is only handed back; such buffers may also be left out
 * </ul>
 */
public final class TextArguments {
  private static final long LARGEST_BUFFER = 1L << 30;

  private final FunctionPlan plan;
  private final TypeTable types;
  private final List<@Nullable String> texts;

  private TextArguments(FunctionPlan plan, List<@Nullable String> texts) {
    this.plan = plan;
    this.types = plan.types();
    this.texts = texts;
  }

  /**
   * The values.
   *
   * @throws WrongUseException if the texts do not fit the parameters
   */
  public static @Nullable Object[] parse(FunctionPlan plan, List<String> texts) {
    List<ParameterPlan> parameters = plan.parameters();
    var aligned = new ArrayList<@Nullable String>();
    if (texts.size() == parameters.size()) {
      aligned.addAll(texts);
    } else {
      int next = 0;
      for (ParameterPlan parameter : parameters) {
        aligned.add(isOnlyOut(parameter) ? "_" : next < texts.size() ? texts.get(next) : null);
        next += isOnlyOut(parameter) ? 0 : 1;
      }
      if (next != texts.size()) {
        throw new WrongUseException(
            "%s: expected %d argument%s, found %d"
                .formatted(plan.function().signature(), next, next == 1 ? "" : "s", texts.size()));
      }
    }
    var arguments = new TextArguments(plan, aligned);
    var values = new Object[parameters.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = arguments.value(i);
    }
    return values;
  }

  private static boolean isOnlyOut(ParameterPlan parameter) {
    return parameter.variable().passing() instanceof ByAddress by && by.direction() == Passing.Direction.OUT;
  }

  private @Nullable Object value(int number) {
    ParameterPlan parameter = plan.parameters().get(number);
    String text = java.util.Objects.requireNonNull(texts.get(number));
    String what = parameter.what();
    return switch (parameter.variable().passing()) {
      case Passing.ByValue _ -> value(parameter.slot().shape(), text, what);
      case ByAddress _ when text.equals("null") -> null;
      case ByAddress by when by.unchecked() -> integer(text, what);
      case ByAddress by when by.text() != Passing.Text.NONE -> by.direction().out() ? Ref.of(text) : text;
      case ByAddress by -> buffer(java.util.Objects.requireNonNull(parameter.pointee()), by, text, what);
    };
  }

  private Object buffer(Pointee pointee, ByAddress by, String text, String what) {
    long bytes = pointee.bytes(named(), what);
    if (bytes > LARGEST_BUFFER) {
      throw new WrongUseException(what + ": expected a buffer of at most 1 GiB, found " + bytes + " bytes");
    }
    Shape element = pointee.element();
    boolean single = element != null && element.bytes() == bytes;
    if (by.direction() == Passing.Direction.OUT) {
      return single && !(element instanceof Shape.Opaque || element instanceof Shape.Union)
          ? Ref.empty()
          : empty(element, bytes);
    }
    Object value =
        single && !isList(text) ? value(element, text, what) : elements(element, bytes, text, what);
    boolean takesBack = !by.direction().out() || ValueReader.takesBack(value);
    return takesBack ? value : Ref.of(value);
  }

  private static boolean isList(String text) {
    return text.startsWith("hex:") || text.startsWith("@");
  }

  private static Object empty(@Nullable Shape element, long bytes) {
    Class<?> component = component(element);
    return Array.newInstance(component, Math.toIntExact(bytes / ValueWriter.width(component)));
  }

  private static Class<?> component(@Nullable Shape element) {
    return switch (element) {
      case Shape.Scalar scalar when scalar.kind() == Kind.FLOATING ->
          scalar.bytes() == Float.BYTES ? float.class : double.class;
      case Shape.Scalar scalar when scalar.bytes() == 2 -> short.class;
      case Shape.Scalar scalar when scalar.bytes() == 4 -> int.class;
      case Shape.Scalar scalar when scalar.bytes() == 8 -> long.class;
      case Shape.Address _ -> long.class;
      case null, default -> byte.class;
    };
  }

  private Object elements(@Nullable Shape element, long bytes, String text, String what) {
    Class<?> component = component(element);
    if (component == byte.class || isList(text)) {
      byte[] given = bytes(text, what);
      return java.util.Arrays.copyOf(given, (int) Math.max(bytes, given.length));
    }
    String[] parts = text.isEmpty() ? new String[0] : text.split(",");
    Object array = Array.newInstance(component, parts.length);
    for (int i = 0; i < parts.length; i++) {
      Object number = value(java.util.Objects.requireNonNull(element), parts[i].strip(), what + "[" + i + "]");
      Array.set(array, i, narrow(number, component));
    }
    return array;
  }

  private static Object narrow(Object number, Class<?> component) {
    if (component == short.class) {
      return ((Number) number).shortValue();
    }
    if (component == int.class) {
      return ((Number) number).intValue();
    }
    if (component == long.class) {
      return ((Number) number).longValue();
    }
    return component == float.class
        ? (Object) ((Number) number).floatValue()
        : (Object) ((Number) number).doubleValue();
  }

  private static byte[] bytes(String text, String what) {
    if (text.startsWith("hex:")) {
      try {
        return HexFormat.of().parseHex(text.substring(4).replaceAll("[ _:]", ""));
      } catch (IllegalArgumentException e) {
        throw new WrongUseException(what + ": expected an even number of hexadecimal digits, found '" + text + "'");
      }
    }
    if (text.startsWith("@")) {
      try {
        return Files.readAllBytes(Path.of(text.substring(1)));
      } catch (IOException e) {
        throw new WrongUseException(what + ": expected a readable file, found " + e.getMessage());
      }
    }
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private Object value(Shape shape, String text, String what) {
    return switch (shape) {
      case Shape.Scalar scalar when scalar.kind() == Kind.FLOATING -> {
        try {
          yield Double.valueOf(text);
        } catch (NumberFormatException e) {
          throw new WrongUseException(what + ": expected a number, found '" + text + "'");
        }
      }
      case Shape.Scalar scalar when scalar.kind() != Kind.EXTENDED -> integer(text, what);
      case Shape.Address _ -> integer(text, what);
      case Shape.Array array -> elements(array.element(), array.bytes(), text, what);
      case Shape.Struct struct when !isList(text) -> struct(struct, text, what);
      case Shape.Scalar _, Shape.Struct _, Shape.Union _, Shape.Opaque _ ->
          java.util.Arrays.copyOf(bytes(text, what), Math.toIntExact(shape.bytes()));
    };
  }

  private Object struct(Shape.Struct struct, String text, String what) {
    var values = new LinkedHashMap<String, Object>();
    for (String part : text.split(",")) {
      String[] pair = part.split("=", 2);
      Shape.Member member =
          struct.members().stream()
              .filter(candidate -> pair.length == 2 && candidate.name().equals(pair[0].strip()))
              .findFirst()
              .orElseThrow(
                  () ->
                      new WrongUseException(
                          what + ": expected member=value of " + struct.cName() + ", found '" + part + "'"));
      values.put(member.name(), member.isDeep() ? bytes(pair[1], what) : value(member.shape(), pair[1].strip(), what));
    }
    return values;
  }

  private Long integer(String text, String what) {
    var constant = types.constant(text);
    if (constant.isPresent()) {
      return Long.valueOf(constant.get());
    }
    if (text.length() == 3 && text.startsWith("'") && text.endsWith("'")) {
      return Long.valueOf(text.charAt(1));
    }
    if (text.equals("true") || text.equals("false")) {
      return text.equals("true") ? 1L : 0L;
    }
    try {
      boolean hex = text.startsWith("0x") || text.startsWith("0X");
      return hex
          ? Long.parseUnsignedLong(text.substring(2), 16)
          : text.startsWith("-") ? Long.parseLong(text) : Long.parseUnsignedLong(text);
    } catch (NumberFormatException e) {
      throw new WrongUseException(what + ": expected a whole number, found '" + text + "'");
    }
  }

  private ToLongFunction<String> named() {
    return name -> {
      for (int i = 0; i < texts.size(); i++) {
        ParameterPlan parameter = plan.parameters().get(i);
        if (parameter.variable().name().equals(name)) {
          return integer(java.util.Objects.requireNonNull(texts.get(i)), parameter.what());
        }
      }
      throw new WrongUseException(plan.function().name() + ": expected a parameter " + name + ", found none");
    };
  }
}
