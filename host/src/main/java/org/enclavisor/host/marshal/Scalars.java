package org.enclavisor.host.marshal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.host.edl.CType.Basic.Kind;
import org.jspecify.annotations.Nullable;

/** Single numbers between Java and C. All of C's are little-endian. */
final class Scalars {
  static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfChar CHAR = ValueLayout.JAVA_CHAR_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Scalars() {}

  private static WrongUseException wrong(String what, Shape.Scalar shape, @Nullable Object value) {
    String found = value == null ? "null" : value + " (" + value.getClass().getSimpleName() + ")";
    return new WrongUseException(what + ": expected a value for " + shape.cName() + ", found " + found);
  }

  /**
   * Writes a number.
   *
   * @param value a Number, Boolean, Character or enum constant (its ordinal) that fits, signed or unsigned
   */
  static void write(MemorySegment target, Shape.Scalar shape, @Nullable Object value, String what) {
    switch (shape.kind()) {
      case VOID, EXTENDED ->
          throw new WrongUseException(
              what + ": " + shape.cName() + " has no counterpart in Java; use byte[" + shape.bytes() + "]");
      case FLOATING -> {
        if (!(value instanceof Number number)) {
          throw wrong(what, shape, value);
        }
        if (shape.bytes() == Float.BYTES) {
          target.set(FLOAT, 0, number.floatValue());
        } else {
          target.set(DOUBLE, 0, number.doubleValue());
        }
      }
      case SIGNED, UNSIGNED -> writeBits(target, shape.bytes(), integer(shape, value, what));
    }
  }

  private static long integer(Shape.Scalar shape, @Nullable Object value, String what) {
    long number =
        switch (value) {
          case Byte b -> b;
          case Short s -> s;
          case Integer i -> i;
          case Long l -> l;
          case Boolean b -> b ? 1 : 0;
          case Character c -> c;
          case Enum<?> constant -> constant.ordinal();
          case null, default -> throw wrong(what, shape, value);
        };
    long bits = 8 * shape.bytes();
    boolean fits = bits == Long.SIZE || number >= -(1L << bits - 1) && number < 1L << bits;
    if (!fits) {
      throw new WrongUseException(
          "%s: expected a number of %d bits for %s, found %d".formatted(what, bits, shape.cName(), number));
    }
    return number;
  }

  /** Writes the low bytes of a number. */
  static void writeBits(MemorySegment target, long bytes, long value) {
    switch ((int) bytes) {
      case 1 -> target.set(ValueLayout.JAVA_BYTE, 0, (byte) value);
      case 2 -> target.set(SHORT, 0, (short) value);
      case 4 -> target.set(INT, 0, (int) value);
      case 8 -> target.set(LONG, 0, value);
      default -> throw new IllegalArgumentException("bytes=" + bytes + ": expected 1, 2, 4 or 8");
    }
  }

  /** The value of an integer, extended as its kind asks for. */
  static long bits(MemorySegment source, Shape.Scalar shape) {
    boolean signed = shape.kind() == Kind.SIGNED;
    return switch ((int) shape.bytes()) {
      case 1 -> signed ? source.get(ValueLayout.JAVA_BYTE, 0) : source.get(ValueLayout.JAVA_BYTE, 0) & 0xffL;
      case 2 -> signed ? source.get(SHORT, 0) : source.get(SHORT, 0) & 0xffffL;
      case 4 -> signed ? source.get(INT, 0) : Integer.toUnsignedLong(source.get(INT, 0));
      case 8 -> source.get(LONG, 0);
      default -> throw new IllegalArgumentException("bytes=" + shape.bytes() + ": expected 1, 2, 4 or 8");
    };
  }

  /**
   * Reads a number.
   *
   * @param type the Java type wanted; {@code Object} for whatever is natural: of an unsigned type the next larger one
   */
  static Object read(MemorySegment source, Shape.Scalar shape, Class<?> type, String what) {
    if (shape.kind() == Kind.VOID || shape.kind() == Kind.EXTENDED) {
      return source.asSlice(0, shape.bytes()).toArray(ValueLayout.JAVA_BYTE);
    }
    if (shape.kind() == Kind.FLOATING) {
      double value = shape.bytes() == Float.BYTES ? source.get(FLOAT, 0) : source.get(DOUBLE, 0);
      boolean single = shape.bytes() == Float.BYTES && type == Object.class;
      if (type == float.class || type == Float.class || single) {
        return (float) value;
      }
      if (type == double.class || type == Double.class || type == Object.class || type == Number.class) {
        return value;
      }
      throw new WrongUseException(
          what + ": expected float or double for " + shape.cName() + ", found " + type.getName());
    }
    return convert(bits(source, shape), shape, type, what);
  }

  private static Object convert(long value, Shape.Scalar shape, Class<?> type, String what) {
    if (type == Object.class || type == Number.class) {
      boolean signed = shape.kind() == Kind.SIGNED;
      return switch ((int) shape.bytes()) {
        case 1 -> signed ? (Object) (byte) value : (Object) (short) value;
        case 2 -> signed ? (Object) (short) value : (Object) (int) value;
        case 4 -> signed ? (Object) (int) value : (Object) value;
        default -> value;
      };
    }
    if (type == boolean.class || type == Boolean.class) {
      return value != 0;
    }
    if (type == long.class || type == Long.class) {
      return value;
    }
    if (type == int.class || type == Integer.class) {
      return (int) narrowed(value, Integer.SIZE, shape, type, what);
    }
    if (type == short.class || type == Short.class) {
      return (short) narrowed(value, Short.SIZE, shape, type, what);
    }
    if (type == byte.class || type == Byte.class) {
      return (byte) narrowed(value, Byte.SIZE, shape, type, what);
    }
    if (type == char.class || type == Character.class) {
      return (char) narrowed(value, Character.SIZE, shape, type, what);
    }
    if (type.isEnum()) {
      Object[] constants = type.getEnumConstants();
      if (value >= 0 && value < constants.length) {
        return constants[(int) value];
      }
    }
    throw new WrongUseException(
        "%s: expected a Java type for the %s %d, found %s".formatted(what, shape.cName(), value, type.getName()));
  }

  /** Bits of a type of the same width pass as they are; a narrower one has to hold the value. */
  private static long narrowed(long value, int bits, Shape.Scalar shape, Class<?> type, String what) {
    boolean sameWidth = 8 * shape.bytes() <= bits;
    if (sameWidth || value >= -(1L << bits - 1) && value < 1L << bits - 1) {
      return value;
    }
    throw new WrongUseException(
        "%s: expected a Java type that holds the %s %s, found %s"
            .formatted(what, shape.cName(), Long.toUnsignedString(value), type.getName()));
  }
}
