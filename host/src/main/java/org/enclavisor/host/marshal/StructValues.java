package org.enclavisor.host.marshal;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
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
  private StructValues() {}

  /** The values of the members, in their order. A map may leave some out: they are null. */
  static List<@Nullable Object> members(Shape.Struct struct, Object value, String what) {
    if (value instanceof Map<?, ?> map) {
      for (Object key : map.keySet()) {
        if (struct.members().stream().noneMatch(member -> member.name().equals(key))) {
          throw new WrongUseException(
              what + ": expected the members " + names(struct) + " of " + struct.cName() + ", found '" + key + "'");
        }
      }
      return java.util.Arrays.asList(struct.members().stream().map(member -> (Object) map.get(member.name())).toArray());
    }
    RecordComponent[] components = value.getClass().getRecordComponents();
    int[] order = order(struct, value.getClass(), what);
    var values = new Object[order.length];
    for (int i = 0; i < order.length; i++) {
      values[i] = get(components[order[i]].getAccessor(), value, what);
    }
    return java.util.Arrays.asList(values);
  }

  private static @Nullable Object get(Method accessor, Object value, String what) {
    try {
      accessor.trySetAccessible();
      return accessor.invoke(value);
    } catch (IllegalAccessException | InvocationTargetException e) {
      throw new WrongUseException(what + ": cannot read " + accessor + ": " + e);
    }
  }

  /** The types of a record's components in the order of the members. */
  static List<Class<?>> types(Shape.Struct struct, Class<?> type, String what) {
    RecordComponent[] components = type.getRecordComponents();
    return java.util.Arrays.stream(order(struct, type, what))
        .<Class<?>>mapToObj(i -> components[i].getType())
        .toList();
  }

  /** A record from the values of the members. */
  static Object make(Shape.Struct struct, Class<?> type, List<@Nullable Object> values, String what) {
    RecordComponent[] components = type.getRecordComponents();
    var types = new Class<?>[components.length];
    for (int i = 0; i < components.length; i++) {
      types[i] = components[i].getType();
    }
    int[] order = order(struct, type, what);
    var arguments = new Object[order.length];
    for (int i = 0; i < order.length; i++) {
      arguments[order[i]] = values.get(i);
    }
    try {
      Constructor<?> constructor = type.getDeclaredConstructor(types);
      constructor.trySetAccessible();
      return constructor.newInstance(arguments);
    } catch (ReflectiveOperationException e) {
      throw new WrongUseException(what + ": cannot make a " + type.getName() + ": " + e);
    }
  }

  /** For each member, the number of the component that holds it. */
  private static int[] order(Shape.Struct struct, Class<?> type, String what) {
    RecordComponent[] components = type.getRecordComponents();
    if (components.length != struct.members().size()) {
      throw new WrongUseException(
          "%s: expected a record with the %d members %s of %s, found %s with %d"
              .formatted(
                  what, struct.members().size(), names(struct), struct.cName(), type.getName(), components.length));
    }
    var byName = new HashMap<String, Integer>();
    for (int i = 0; i < components.length; i++) {
      byName.put(components[i].getName(), i);
    }
    var order = new int[components.length];
    boolean allNamed = true;
    for (int i = 0; i < order.length; i++) {
      String name = struct.members().get(i).name();
      Integer at = byName.containsKey(name) ? byName.get(name) : byName.get(Names.lowerCamel(name));
      allNamed &= at != null;
      order[i] = at == null ? i : at;
    }
    if (!allNamed) {
      java.util.Arrays.setAll(order, i -> i);
    }
    return order;
  }

  private static String names(Shape.Struct struct) {
    return String.join(", ", struct.members().stream().map(Shape.Member::name).toList());
  }
}
