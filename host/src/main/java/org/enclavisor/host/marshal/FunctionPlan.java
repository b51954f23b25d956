package org.enclavisor.host.marshal;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.host.edl.CType;
import org.enclavisor.host.edl.EdlFunction;
import org.jspecify.annotations.Nullable;

/** All that is known beforehand about the calls of one function. Immutable; thread-safe. */
public final class FunctionPlan {
  private final EdlFunction function;
  private final int index;
  private final TypeTable types;
  private final MarshallingStruct struct;
  private final List<ParameterPlan> parameters;

  /**
   * Plans a function.
   *
   * @param index its number
   * @throws UnknownTypeException if a type in it has to be known and is not
   */
  public FunctionPlan(EdlFunction function, int index, TypeTable types) {
    this.function = function;
    this.index = index;
    this.types = types;
    struct = MarshallingStruct.of(function, types);
    String what = (function instanceof EdlFunction.Untrusted ? "OCALL " : "") + function.name();
    var plans = new ArrayList<ParameterPlan>();
    for (int i = 0; i < function.signature().parameters().size(); i++) {
      plans.add(ParameterPlan.of(function.signature().parameters().get(i), i, struct, types, what));
    }
    parameters = List.copyOf(plans);
  }

  /** The function. */
  public EdlFunction function() {
    return function;
  }

  /** Its number. */
  public int index() {
    return index;
  }

  /** Its structure. */
  public MarshallingStruct struct() {
    return struct;
  }

  TypeTable types() {
    return types;
  }

  List<ParameterPlan> parameters() {
    return parameters;
  }

  /** The slot of the result, or null of a function without one. */
  MarshallingStruct.@Nullable Slot result() {
    return function.signature().returnType() == CType.Basic.VOID
        ? null
        : struct.slot(MarshallingStruct.Role.RESULT, -1);
  }
}
