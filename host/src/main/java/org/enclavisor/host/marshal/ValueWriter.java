package org.enclavisor.host.marshal;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.Array;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.enclavisor.host.Ref;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.host.edl.Passing.ByAddress;
import org.jspecify.annotations.Nullable;

/** Writes Java values as C values. Stateless but for the type table. */
final class ValueWriter {
  private final TypeTable types;

  ValueWriter(TypeTable types) {
    this.types = types;
  }

  /**
   * Writes the elements of a buffer.
   *
   * @param element their type, or null for bytes
   * @param target exactly the bytes of the buffer
   */
  void elements(
      MemorySegment target, @Nullable Shape element, @Nullable Object value, Placement placement, String what) {
    switch (value) {
      case null -> throw new WrongUseException(what + ": expected a value, found null");
      case Ref<?> ref -> elements(target, element, ref.get(), placement, what);
      case MemorySegment segment -> {
        room(segment.byteSize(), target, what);
        target.copyFrom(segment.asSlice(0, target.byteSize()));
      }
      case CharSequence text -> {
        byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
        if (bytes.length > target.byteSize() || element != null && element.bytes() != 1) {
          throw new WrongUseException(
              "%s: expected text of at most %d bytes for %s, found %d bytes"
                  .formatted(what, target.byteSize(), element == null ? "void" : element.cName(), bytes.length));
        }
        target.asSlice(0, bytes.length).copyFrom(MemorySegment.ofArray(bytes));
      }
      case List<?> list -> each(target, element, list.toArray(), placement, what);
      case Object[] array -> each(target, element, array, placement, what);
      case Object other when other.getClass().isArray() -> primitives(target, element, other, what);
      case Object one -> {
        if (element == null || element.bytes() != target.byteSize()) {
          throw new WrongUseException(
              "%s: expected an array or MemorySegment of %d bytes, found %s"
                  .formatted(what, target.byteSize(), one.getClass().getName()));
        }
        value(target, element, one, placement, what);
      }
    }
  }

  private static void room(long bytes, MemorySegment target, String what) {
    if (bytes < target.byteSize()) {
      throw new WrongUseException(what + ": expected at least " + target.byteSize() + " bytes, found " + bytes);
    }
  }

  private static void primitives(MemorySegment target, @Nullable Shape element, Object array, String what) {
    Class<?> component = array.getClass().getComponentType();
    long width = width(component);
    boolean fits = !(element instanceof Shape.Scalar) || width == 1 || element.bytes() == width;
    if (!fits) {
      throw new WrongUseException(
          "%s: expected an array of %d-byte elements for %s, found %s[]"
              .formatted(what, element.bytes(), element.cName(), component.getName()));
    }
    room(Array.getLength(array) * width, target, what);
    if (array instanceof boolean[] flags) {
      for (int i = 0; i < target.byteSize(); i++) {
        Scalars.writeBits(target.asSlice(i), 1, flags[i] ? 1 : 0);
      }
    } else {
      target.copyFrom(segment(array).asSlice(0, target.byteSize()));
    }
  }

  /** A primitive array but boolean[] as memory. Java's order of bytes is C's on this machine. */
  static MemorySegment segment(Object array) {
    return switch (array) {
      case byte[] values -> MemorySegment.ofArray(values);
      case short[] values -> MemorySegment.ofArray(values);
      case char[] values -> MemorySegment.ofArray(values);
      case int[] values -> MemorySegment.ofArray(values);
      case long[] values -> MemorySegment.ofArray(values);
      case float[] values -> MemorySegment.ofArray(values);
      case double[] values -> MemorySegment.ofArray(values);
      default -> throw new IllegalArgumentException(array.getClass().getName());
    };
  }

  /** Bytes of a primitive type. */
  static long width(Class<?> primitive) {
    if (primitive == byte.class || primitive == boolean.class) {
      return 1;
    }
    if (primitive == short.class || primitive == char.class) {
      return 2;
    }
    return primitive == int.class || primitive == float.class ? 4 : 8;
  }

  /** Values in a row; what is itself an array takes as many bytes as it has. */
  private void each(MemorySegment target, @Nullable Shape element, Object[] values, Placement placement, String what) {
    if (values.length > 0 && values[0] != null && values[0].getClass().isArray()) {
      long share = target.byteSize() / values.length;
      for (int i = 0; i < values.length; i++) {
        elements(target.asSlice(i * share, share), element, values[i], placement, what + "[" + i + "]");
      }
      return;
    }
    if (element == null) {
      throw new WrongUseException(what + ": expected byte[] or MemorySegment for void, found objects");
    }
    room(values.length * element.bytes(), target, what);
    long many = target.byteSize() / element.bytes();
    for (int i = 0; i < many; i++) {
      value(target.asSlice(i * element.bytes(), element.bytes()), element, values[i], placement, what + "[" + i + "]");
    }
  }

  /** Writes one value. */
  void value(MemorySegment target, Shape shape, @Nullable Object value, Placement placement, String what) {
    switch (shape) {
      case Shape.Scalar scalar -> {
        if (value instanceof byte[] && scalar.bytes() == 16) {
          elements(target.asSlice(0, 16), null, value, placement, what);
        } else {
          Scalars.write(target, scalar, constant(value), what);
        }
      }
      case Shape.Address _ -> Scalars.writeBits(target, Long.BYTES, Addresses.of(value, what));
      case Shape.Array array -> elements(target.asSlice(0, array.bytes()), array.element(), value, placement, what);
      case Shape.Union union -> elements(target.asSlice(0, union.bytes()), null, value, placement, what);
      case Shape.Opaque opaque -> elements(target.asSlice(0, opaque.bytes()), null, value, placement, what);
      case Shape.Struct struct -> {
        if (value instanceof Record || value instanceof Map<?, ?>) {
          struct(target, struct, value, placement, what);
        } else {
          elements(target.asSlice(0, struct.bytes()), null, value, placement, what);
        }
      }
    }
  }

  /** The value of EDL's constant of the same name for an enum's, if there is one. */
  private @Nullable Object constant(@Nullable Object value) {
    return value instanceof Enum<?> named ? types.constant(named.name()).map(Object.class::cast).orElse(named) : value;
  }

  private void struct(MemorySegment target, Shape.Struct struct, Object value, Placement placement, String what) {
    List<@Nullable Object> values = StructValues.members(struct, value, what);
    ToLongFunction<String> named = name -> number(struct, values, name, what);
    for (int i = 0; i < values.size(); i++) {
      Shape.Member member = struct.members().get(i);
      Object memberValue = values.get(i);
      String where = what + "." + member.name();
      MemorySegment place = target.asSlice(member.offset(), member.shape().bytes());
      if (member.isDeep() && member.passing() instanceof ByAddress address && member.shape() instanceof Shape.Address) {
        if (memberValue == null) {
          Scalars.writeBits(place, Long.BYTES, 0);
        } else {
          Pointee pointee = Pointee.of(member.type(), address, List.of(), types);
          Placement.Target bytes = placement.place(place, pointee.bytes(named, where), where);
          elements(bytes.bytes(), pointee.element(), memberValue, placement, where);
          Scalars.writeBits(place, Long.BYTES, bytes.address());
        }
      } else if (memberValue != null || member.shape() instanceof Shape.Address) {
        value(place, member.shape(), memberValue, placement, where);
      } else if (!(value instanceof Map)) {
        throw new WrongUseException(where + ": expected a value, found null");
      }
    }
  }

  private static long number(Shape.Struct struct, List<@Nullable Object> values, String name, String what) {
    for (int i = 0; i < values.size(); i++) {
      if (struct.members().get(i).name().equals(name)) {
        return values.get(i) instanceof Number number ? number.longValue() : 0;
      }
    }
    throw new WrongUseException(what + ": expected a member " + name + " of " + struct.cName() + ", found none");
  }
}
