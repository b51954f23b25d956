package org.enclavisor.host;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import org.enclavisor.host.edl.EdlFunction;
import org.enclavisor.host.marshal.OcallFrame;
import org.jspecify.annotations.Nullable;

/** A Java method that serves an OCALL. Immutable. */
final class JavaOcall implements OcallServant {
  private final Object servant;
  private final Method method;
  private final Class<?>[] types;
  private final Class<?>[] refTypes;
  private final int first;

  private JavaOcall(Object servant, Method method, int first) {
    this.servant = servant;
    this.method = method;
    this.first = first;
    types = method.getParameterTypes();
    refTypes = BoundInterface.refTypes(method);
  }

  static JavaOcall of(EdlFunction.Untrusted function, Object servant, Method method) {
    Class<?>[] types = method.getParameterTypes();
    int first = types.length > 0 && types[0] == OcallContext.class ? 1 : 0;
    int expected = function.signature().parameters().size();
    if (types.length - first != expected) {
      throw new WrongUseException(
          "%s: expected %d parameters as in %s, found %d"
              .formatted(method, expected, function.signature(), types.length - first));
    }
    if (!method.trySetAccessible()) {
      throw new WrongUseException(
          method + ": expected a method that can be called from here, found one that its module does not open");
    }
    return new JavaOcall(servant, method, first);
  }

  @Override
  public @Nullable Object serve(OcallContext context, OcallFrame frame) {
    var arguments = new Object[types.length];
    if (first == 1) {
      arguments[0] = context;
    }
    for (int i = 0; i < frame.size(); i++) {
      Object argument = frame.argument(i, types[first + i], refTypes[first + i]);
      if (argument == null && types[first + i].isPrimitive()) {
        throw new WrongUseException(
            "OCALL %s(%s): expected a type that can be null for a NULL pointer, found %s"
                .formatted(context.name(), frame.name(i), types[first + i]));
      }
      arguments[first + i] = argument;
    }
    try {
      return method.invoke(servant, arguments);
    } catch (InvocationTargetException e) {
      throw new FailedException(e.getCause() == null ? e : e.getCause());
    } catch (IllegalAccessException e) {
      throw new WrongUseException("OCALL " + context.name() + ": cannot call " + method + ": " + e.getMessage());
    }
  }
}
