package org.enclavisor.host.marshal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Array;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.enclavisor.host.Ref;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.host.edl.CType.Basic.Kind;
import org.enclavisor.host.edl.Passing.ByAddress;
import org.enclavisor.host.sdk.SharedMemory;
import org.jspecify.annotations.Nullable;

/** Reads C values as Java values. What it is given to read has to be a private copy. Stateless but for types. */
final class ValueReader {
  private final TypeTable types;
  private final SharedMemory memory;

  /**
   * A reader.
   *
   * @param memory where structures that are copied deeply point to
   */
  ValueReader(TypeTable types, SharedMemory memory) {
    this.types = types;
    this.memory = memory;
  }

  /** Reads one value as a Java type; {@code Object} for whatever is natural. */
  Object value(MemorySegment source, Shape shape, Class<?> type, String what) {
    return switch (shape) {
      case Shape.Scalar scalar when type.isEnum() && scalar.kind() != Kind.FLOATING ->
          constant(source, scalar, type, what);
      case Shape.Scalar scalar -> Scalars.read(source, scalar, type, what);
      case Shape.Address _ -> address(source.get(Scalars.LONG, 0), type, what);
      case Shape.Array array -> elements(source.asSlice(0, array.bytes()), array.element(), type, what);
      case Shape.Struct struct -> {
        if (type.isRecord() || type == Object.class || type == Map.class) {
          yield struct(source, struct, type, what);
        }
        yield bytes(source.asSlice(0, struct.bytes()), type, shape, what);
      }
      case Shape.Union _, Shape.Opaque _ -> bytes(source.asSlice(0, shape.bytes()), type, shape, what);
    };
  }

  /** The enum's constant whose namesake in EDL has this value; else the one with this ordinal. */
  private Object constant(MemorySegment source, Shape.Scalar scalar, Class<?> type, String what) {
    long value = Scalars.bits(source, scalar);
    for (Object candidate : type.getEnumConstants()) {
      var known = types.constant(((Enum<?>) candidate).name());
      if (known.isPresent() && known.get() == value) {
        return candidate;
      }
    }
    return Scalars.read(source, scalar, type, what);
  }

  private Object address(long address, Class<?> type, String what) {
    if (type == long.class || type == Long.class || type == Object.class) {
      return address;
    }
    if (type == MemorySegment.class) {
      return address == 0 ? MemorySegment.NULL : memory.from(address, what);
    }
    throw new WrongUseException(what + ": expected long or MemorySegment for an address, found " + type.getName());
  }

  private static Object bytes(MemorySegment source, Class<?> type, Shape shape, String what) {
    if (type == byte[].class || type == Object.class) {
      return source.toArray(ValueLayout.JAVA_BYTE);
    }
    if (type == MemorySegment.class) {
      return Arena.ofAuto().allocate(Math.max(source.byteSize(), 1), 16).asSlice(0, source.byteSize()).copyFrom(source);
    }
    throw new WrongUseException(
        what + ": expected byte[], MemorySegment or a record for " + shape.cName() + ", found " + type.getName());
  }

  private Object struct(MemorySegment source, Shape.Struct struct, Class<?> type, String what) {
    var values = new ArrayList<@Nullable Object>();
    List<Class<?>> wanted = type.isRecord() ? StructValues.types(struct, type, what) : List.of();
    ToLongFunction<String> named = name -> number(source, struct, name, what);
    for (int i = 0; i < struct.members().size(); i++) {
      Shape.Member member = struct.members().get(i);
      Class<?> memberType = wanted.isEmpty() ? Object.class : wanted.get(i);
      values.add(member(source, member, memberType, named, what + "." + member.name()));
    }
    if (type.isRecord()) {
      return StructValues.make(struct, type, values, what);
    }
    var map = new LinkedHashMap<String, @Nullable Object>();
    for (int i = 0; i < values.size(); i++) {
      map.put(struct.members().get(i).name(), values.get(i));
    }
    return map;
  }

  private @Nullable Object member(
      MemorySegment source, Shape.Member member, Class<?> type, ToLongFunction<String> named, String what) {
    MemorySegment place = source.asSlice(member.offset(), member.shape().bytes());
    if (member.isDeep() && member.passing() instanceof ByAddress address && member.shape() instanceof Shape.Address) {
      long target = place.get(Scalars.LONG, 0);
      if (target == 0) {
        return null;
      }
      Pointee pointee = Pointee.of(member.type(), address, List.of(), types);
      MemorySegment shared = memory.slice(target, pointee.bytes(named, what), what);
      return elements(MemorySegment.ofArray(shared.toArray(ValueLayout.JAVA_BYTE)), pointee.element(), type, what);
    }
    return value(place, member.shape(), type, what);
  }

  private static long number(MemorySegment source, Shape.Struct struct, String name, String what) {
    for (Shape.Member member : struct.members()) {
      if (member.name().equals(name) && member.shape() instanceof Shape.Scalar scalar) {
        return Scalars.bits(source.asSlice(member.offset(), scalar.bytes()), scalar);
      }
    }
    throw new WrongUseException(what + ": expected a number " + name + " in " + struct.cName() + ", found none");
  }

  /**
   * Reads a buffer as a Java type: an array, a String, a MemorySegment, or a single value if there is but one element.
   *
   * @param element the type of its elements, or null for bytes
   */
  Object elements(MemorySegment source, @Nullable Shape element, Class<?> type, String what) {
    if (type == MemorySegment.class) {
      return bytes(source, type, new Shape.Opaque("void", source.byteSize(), 1), what);
    }
    if (type == String.class) {
      return new String(source.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }
    if (type.isArray()) {
      return type.getComponentType().isPrimitive()
          ? primitives(source, element, type.getComponentType(), what)
          : objects(source, element, type.getComponentType(), what);
    }
    boolean single = element != null && element.bytes() == source.byteSize();
    if (type == Object.class && !(single && element instanceof Shape.Struct)) {
      return natural(source, element, what);
    }
    if (single) {
      return value(source, element, type, what);
    }
    throw new WrongUseException(
        "%s: expected an array, String or MemorySegment for %d bytes of %s, found %s"
            .formatted(what, source.byteSize(), element == null ? "void" : element.cName(), type.getName()));
  }

  private Object natural(MemorySegment source, @Nullable Shape element, String what) {
    return switch (element) {
      case Shape.Scalar scalar when scalar.kind() == Kind.FLOATING ->
          primitives(source, element, scalar.bytes() == Float.BYTES ? float.class : double.class, what);
      case Shape.Scalar scalar when scalar.bytes() == Short.BYTES -> primitives(source, element, short.class, what);
      case Shape.Scalar scalar when scalar.bytes() == Integer.BYTES -> primitives(source, element, int.class, what);
      case Shape.Scalar scalar when scalar.bytes() == Long.BYTES -> primitives(source, element, long.class, what);
      case Shape.Address _ -> primitives(source, element, long.class, what);
      case Shape.Struct struct -> List.of((Object[]) objects(source, struct, Object.class, what));
      case null, default -> source.toArray(ValueLayout.JAVA_BYTE);
    };
  }

  private static Object primitives(MemorySegment source, @Nullable Shape element, Class<?> component, String what) {
    long width = ValueWriter.width(component);
    boolean fits = !(element instanceof Shape.Scalar) || width == 1 || element.bytes() == width;
    if (!fits || source.byteSize() % width != 0 || source.byteSize() / width > Integer.MAX_VALUE) {
      throw new WrongUseException(
          "%s: expected an array type for %d bytes of %s, found %s[]"
              .formatted(what, source.byteSize(), element == null ? "void" : element.cName(), component.getName()));
    }
    Object array = Array.newInstance(component, (int) (source.byteSize() / width));
    store(source, element, array, what);
    return array;
  }

  private Object objects(MemorySegment source, @Nullable Shape element, Class<?> component, String what) {
    if (element == null || element.bytes() == 0 || source.byteSize() % element.bytes() != 0) {
      throw new WrongUseException(what + ": expected byte[] for bytes, found " + component.getName() + "[]");
    }
    int many = Math.toIntExact(source.byteSize() / element.bytes());
    Object array = Array.newInstance(component, many);
    for (int i = 0; i < many; i++) {
      MemorySegment one = source.asSlice(i * element.bytes(), element.bytes());
      Array.set(array, i, value(one, element, component, what + "[" + i + "]"));
    }
    return array;
  }

  /** Copies bytes over what a primitive array holds, which has to be at least as large. */
  private static void store(MemorySegment source, @Nullable Shape element, Object array, String what) {
    if (array instanceof boolean[] flags) {
      for (int i = 0; i < source.byteSize(); i++) {
        flags[i] = source.get(ValueLayout.JAVA_BYTE, i) != 0;
      }
      return;
    }
    MemorySegment target = ValueWriter.segment(array);
    if (target.byteSize() < source.byteSize()) {
      throw new WrongUseException(
          "%s: expected room for %d bytes of %s, found %d"
              .formatted(what, source.byteSize(), element == null ? "void" : element.cName(), target.byteSize()));
    }
    target.asSlice(0, source.byteSize()).copyFrom(source);
  }

  /** Whether a Java value can take what a function hands back. */
  static boolean takesBack(@Nullable Object container) {
    return switch (container) {
      case null -> true;
      case Ref<?> _ -> true;
      case MemorySegment segment -> !segment.isReadOnly();
      case Object other -> other.getClass().isArray();
    };
  }

  /**
   * Puts a buffer into the value that was passed for it.
   *
   * @param refType what a {@link Ref} holds; {@code Object} for whatever is natural
   */
  void putBack(MemorySegment source, @Nullable Shape element, Object container, Class<?> refType, String what) {
    switch (container) {
      case Ref<?> ref -> set(ref, elementsOrOne(source, element, refType, what));
      case MemorySegment segment -> segment.asSlice(0, source.byteSize()).copyFrom(source);
      case Object[] nested when nested.length > 0 && nested[0] != null && nested[0].getClass().isArray() -> {
        long share = source.byteSize() / nested.length;
        for (int i = 0; i < nested.length; i++) {
          putBack(source.asSlice(i * share, share), element, nested[i], refType, what + "[" + i + "]");
        }
      }
      case Object[] objects -> {
        Object[] values = (Object[]) objects(source, element, objects.getClass().getComponentType(), what);
        System.arraycopy(values, 0, objects, 0, Math.min(values.length, objects.length));
      }
      default -> store(source, element, container, what);
    }
  }

  private Object elementsOrOne(MemorySegment source, @Nullable Shape element, Class<?> type, String what) {
    boolean single = element != null && element.bytes() == source.byteSize();
    return single && type == Object.class && !(element instanceof Shape.Union || element instanceof Shape.Opaque)
        ? value(source, element, type, what)
        : elements(source, element, type, what);
  }

  @SuppressWarnings("unchecked")
  private static void set(Ref<?> ref, @Nullable Object value) {
    // The type was taken from the method's own signature, or the caller asked for Object.
    ((Ref<Object>) ref).set(value);
  }
}
