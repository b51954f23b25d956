package org.enclavisor.host.marshal;

import org.enclavisor.host.edl.Passing;
import org.enclavisor.host.edl.Passing.ByAddress;
import org.enclavisor.host.edl.Variable;
import org.jspecify.annotations.Nullable;

/**
 * A parameter and where it lies in the marshalling structure.
 *
 * @param slot of the value or address
 * @param length of the string's length, or null
 * @param pointee what a checked address points to, or null for a value, {@code user_check} and strings
 * @param what function and parameter, for messages
 */
record ParameterPlan(
    Variable variable,
    MarshallingStruct.Slot slot,
    MarshallingStruct.@Nullable Slot length,
    @Nullable Pointee pointee,
    String what) {

  static ParameterPlan of(
      Variable variable, int number, MarshallingStruct struct, TypeTable types, String function) {
    MarshallingStruct.Slot length =
        struct.slots().stream()
            .filter(slot -> slot.role() == MarshallingStruct.Role.LENGTH && slot.parameter() == number)
            .findFirst()
            .orElse(null);
    Pointee pointee =
        variable.passing() instanceof ByAddress address
                && !address.unchecked()
                && address.text() == Passing.Text.NONE
            ? Pointee.of(variable.type(), address, variable.dimensions(), types)
            : null;
    return new ParameterPlan(variable, struct.slot(MarshallingStruct.Role.PARAMETER, number), length, pointee,
        function + "(" + variable.name() + ")");
  }
}
