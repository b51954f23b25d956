package org.enclavisor.host.marshal;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.host.edl.CType;
import org.enclavisor.host.edl.EdlFunction;
import org.enclavisor.host.edl.Passing;
import org.enclavisor.host.edl.Variable;

/**
 * The structure {@code ms_<function>_t} whose address an ECALL or OCALL hands over, as {@code sgx_edger8r} lays it out
 * (CodeGen.ml, {@code gen_marshal_struct}): the result first, then an OCALL's {@code errno}, then the parameters, every
 * array as an address, and behind a string of an ECALL its length with the zero.
 *
 * @param slots in the order of their offsets
 * @param bytes size; 0 of a function that has no structure, whose address is then NULL
 * @param alignment in bytes
 */
public record MarshallingStruct(List<Slot> slots, long bytes, long alignment) {
  public MarshallingStruct {
    slots = List.copyOf(slots);
  }

  /** What a member of the structure is for. */
  public enum Role {
    RESULT,
    ERRNO,
    PARAMETER,
    /** Bytes of a string parameter of an ECALL. */
    LENGTH
  }

  /**
   * A member of the structure.
   *
   * @param name as edger8r names it
   * @param parameter number of the parameter; -1 of result and errno
   */
  public record Slot(String name, Role role, int parameter, long offset, Shape shape) {}

  /** Whether the function has no structure. */
  public boolean isNone() {
    return bytes == 0;
  }

  /** The slot of a role and parameter; throws {@link IllegalArgumentException} if there is none. */
  public Slot slot(Role role, int parameter) {
    return slots.stream()
        .filter(slot -> slot.role() == role && slot.parameter() == parameter)
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no " + role + " " + parameter));
  }

  /**
   * The structure of a function.
   *
   * @throws UnknownTypeException if a type that is passed by value is not known
   */
  public static MarshallingStruct of(EdlFunction function, TypeTable types) {
    boolean isEcall = function instanceof EdlFunction.Trusted;
    var builder = new Builder();
    EdlFunction.Signature signature = function.signature();
    if (signature.returnType() != CType.Basic.VOID) {
      builder.add("ms_retval", Role.RESULT, -1, types.shape(signature.returnType()));
    }
    if (function instanceof EdlFunction.Untrusted untrusted && untrusted.propagatesErrno()) {
      builder.add("ocall_errno", Role.ERRNO, -1, types.shape(CType.Basic.INT));
    }
    for (int i = 0; i < signature.parameters().size(); i++) {
      Variable parameter = signature.parameters().get(i);
      String name = "ms_" + parameter.name();
      switch (parameter.passing()) {
        case Passing.ByValue _ -> builder.add(name, Role.PARAMETER, i, types.shape(parameter.type()));
        case Passing.ByAddress address -> {
          builder.add(name, Role.PARAMETER, i, new Shape.Address(parameter.type().cName()));
          if (isEcall && address.text() != Passing.Text.NONE && address.direction().in()) {
            builder.add(
                name + "_len", Role.LENGTH, i, types.shape(CType.Basic.SIZE_T));
          }
        }
      }
    }
    return new MarshallingStruct(builder.slots, Shape.align(builder.offset, builder.alignment), builder.alignment);
  }

  /** Lays members out one after the other. */
  private static final class Builder {
    private final List<Slot> slots = new ArrayList<>();
    private long offset;
    private long alignment = 1;

    void add(String name, Role role, int parameter, Shape shape) {
      offset = Shape.align(offset, shape.alignment());
      slots.add(new Slot(name, role, parameter, offset, shape));
      offset += shape.bytes();
      alignment = Math.max(alignment, shape.alignment());
    }
  }
}
