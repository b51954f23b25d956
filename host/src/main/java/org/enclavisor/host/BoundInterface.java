package org.enclavisor.host;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.HashMap;
import java.util.Map;
import org.enclavisor.host.edl.CType;
import org.enclavisor.host.marshal.FunctionPlan;
import org.jspecify.annotations.Nullable;

/** The ECALLs behind the methods of an interface. Immutable; any thread. */
final class BoundInterface implements InvocationHandler {
  private static final Object[] NONE = {};

  private final Enclave enclave;
  private final Class<?> type;
  private final Map<Method, Bound> methods = new HashMap<>();

  /** A method and its ECALL. */
  private record Bound(FunctionPlan plan, Class<?> resultType, Class<?>[] refTypes) {}

  BoundInterface(Enclave enclave, Class<?> type) {
    this.enclave = enclave;
    this.type = type;
    for (Method method : type.getMethods()) {
      if (Modifier.isAbstract(method.getModifiers()) && !isOfObject(method)) {
        methods.put(method, bind(method));
      }
    }
  }

  private static boolean isOfObject(Method method) {
    return switch (method.getName()) {
      case "toString", "hashCode" -> method.getParameterCount() == 0;
      case "equals" -> method.getParameterCount() == 1;
      default -> false;
    };
  }

  private Bound bind(Method method) {
    FunctionPlan plan = enclave.plan(method.getName());
    var signature = plan.function().signature();
    if (method.getParameterCount() != signature.parameters().size()) {
      throw new WrongUseException(
          "%s: expected %d parameters as in %s, found %d"
              .formatted(method, signature.parameters().size(), signature, method.getParameterCount()));
    }
    boolean givesNothing = signature.returnType() == CType.Basic.VOID;
    if (givesNothing && method.getReturnType() != void.class) {
      throw new WrongUseException(method + ": expected void as in " + signature + ", found a result");
    }
    return new Bound(plan, resultType(method), refTypes(method));
  }

  private static Class<?> resultType(Method method) {
    // Who does not ask for a result may ignore one.
    return method.getReturnType() == void.class ? Object.class : method.getReturnType();
  }

  /** What the Refs among a method's parameters hold; Object where that is not said. */
  static Class<?>[] refTypes(Method method) {
    Type[] types = method.getGenericParameterTypes();
    var refTypes = new Class<?>[types.length];
    for (int i = 0; i < types.length; i++) {
      refTypes[i] =
          types[i] instanceof ParameterizedType generic
                  && generic.getRawType() == Ref.class
                  && generic.getActualTypeArguments()[0] instanceof Class<?> held
              ? held
              : Object.class;
    }
    return refTypes;
  }

  @Override
  public @Nullable Object invoke(Object proxy, Method method, Object @Nullable [] arguments) throws Throwable {
    Bound bound = methods.get(method);
    if (bound != null) {
      Object value =
          enclave.invoke(
              bound.plan(), arguments == null ? NONE : arguments, bound.resultType(), bound.refTypes(), null);
      return method.getReturnType() == void.class ? null : value;
    }
    if (method.isDefault()) {
      return InvocationHandler.invokeDefault(proxy, method, arguments);
    }
    return switch (method.getName()) {
      case "equals" -> arguments != null && proxy == arguments[0];
      case "hashCode" -> System.identityHashCode(proxy);
      default -> type.getSimpleName() + " of " + enclave;
    };
  }
}
