package org.enclavisor.host.marshal;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.enclavisor.host.WrongUseException;
import org.jspecify.annotations.Nullable;

/**
 * Structures as records or maps. A record's components are taken by name (C's, or in lower camel case) if all names
 * fit, else by position if their number fits.
 */
final class StructValues {
  private static final ClassValue<RecordType> TYPES =
      new ClassValue<>() {
        @Override
        protected RecordType computeValue(Class<?> type) {
          return RecordType.of(type);
        }
      };

  private StructValues() {}

  /** What reflection knows about a record class, asked once. */
  private record RecordType(
      Class<?> type,
      List<Class<?>> types,
      List<Method> accessors,
      Constructor<?> constructor,
      Map<String, Integer> places) {

    static RecordType of(Class<?> type) {
      RecordComponent[] components = type.getRecordComponents();
      Class<?>[] types = Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
      List<Method> accessors = Arrays.stream(components).map(RecordComponent::getAccessor).toList();
      accessors.forEach(Method::trySetAccessible);
      var places = new HashMap<String, Integer>();
      for (int i = 0; i < components.length; i++) {
        places.put(components[i].getName(), i);
      }
      try {
        Constructor<?> constructor = type.getDeclaredConstructor(types);
        constructor.trySetAccessible();
        return new RecordType(type, List.of(types), accessors, constructor, places);
      } catch (NoSuchMethodException e) {
        throw new AssertionError("a record has its canonical constructor", e);
      }
    }

    /** For each member, the number of the component that holds it. */
    int[] order(Shape.Struct struct, String what) {
      List<Shape.Member> members = struct.members();
      if (types.size() != members.size()) {
        throw new WrongUseException(
            "%s: expected a record with the %d members %s of %s, found %s with %d"
                .formatted(what, members.size(), names(struct), struct.cName(), type.getName(), types.size()));
      }
      var order = new int[members.size()];
      for (int i = 0; i < order.length; i++) {
        String name = members.get(i).name();
        Integer place = places.get(name);
        if (place == null) {
          place = places.get(Names.lowerCamel(name));
        }
        if (place == null) {
          Arrays.setAll(order, position -> position);
          return order;
        }
        order[i] = place;
      }
      return order;
    }
  }

  /** The values of the members, in their order. A map may leave some out: they are null. */
  static List<@Nullable Object> members(Shape.Struct struct, Object value, String what) {
    if (value instanceof Map<?, ?> map) {
      for (Object key : map.keySet()) {
        if (struct.members().stream().noneMatch(member -> member.name().equals(key))) {
          throw new WrongUseException(
              what + ": expected the members " + names(struct) + " of " + struct.cName() + ", found '" + key + "'");
        }
      }
      return Arrays.asList(struct.members().stream().map(member -> (Object) map.get(member.name())).toArray());
    }
    RecordType type = TYPES.get(value.getClass());
    int[] order = type.order(struct, what);
    var values = new Object[order.length];
    for (int i = 0; i < order.length; i++) {
      values[i] = get(type.accessors().get(order[i]), value, what);
    }
    return Arrays.asList(values);
  }

  private static @Nullable Object get(Method accessor, Object value, String what) {
    try {
      return accessor.invoke(value);
    } catch (IllegalAccessException | InvocationTargetException e) {
      throw new WrongUseException(what + ": cannot read " + accessor + ": " + e);
    }
  }

  /** The types of a record's components in the order of the members. */
  static List<Class<?>> types(Shape.Struct struct, Class<?> type, String what) {
    RecordType record = TYPES.get(type);
    int[] order = record.order(struct, what);
    return Arrays.stream(order).<Class<?>>mapToObj(record.types()::get).toList();
  }

  /** A record from the values of the members. */
  static Object make(Shape.Struct struct, Class<?> type, List<@Nullable Object> values, String what) {
    RecordType record = TYPES.get(type);
    int[] order = record.order(struct, what);
    var arguments = new Object[order.length];
    for (int i = 0; i < order.length; i++) {
      arguments[order[i]] = values.get(i);
    }
    try {
      return record.constructor().newInstance(arguments);
    } catch (ReflectiveOperationException e) {
      throw new WrongUseException(what + ": cannot make a " + type.getName() + ": " + e);
    }
  }

  private static String names(Shape.Struct struct) {
    return String.join(", ", struct.members().stream().map(Shape.Member::name).toList());
  }
}
