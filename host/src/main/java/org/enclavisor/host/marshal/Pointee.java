package org.enclavisor.host.marshal;

import java.util.List;
import java.util.function.ToLongFunction;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.host.edl.CType;
import org.enclavisor.host.edl.Passing;
import org.enclavisor.host.edl.Passing.ByAddress;
import org.enclavisor.host.edl.Passing.Extent;
import org.jspecify.annotations.Nullable;

/**
 * What an address points to, as far as EDL tells (CodeGen.ml, {@code gen_ptr_size}): {@code count} times {@code size},
 * or times the size of the type where no {@code size} is said.
 *
 * @param element the type pointed to, or null where it is {@code void} or not known
 * @param unit bytes of one element, or null where {@code size} says it
 */
record Pointee(@Nullable Shape element, @Nullable Long unit, @Nullable Extent size, @Nullable Extent count, int fixed) {

  /**
   * Of a parameter or member.
   *
   * @param dimensions product of its dimensions, if it was declared with any
   * @throws UnknownTypeException if the size of the type is needed and not known
   */
  static Pointee of(CType type, ByAddress address, List<Integer> dimensions, TypeTable types) {
    if (!dimensions.isEmpty()) {
      Shape element = types.shape(type);
      int elements = dimensions.stream().reduce(1, Math::multiplyExact);
      return new Pointee(element, element.bytes(), null, null, elements);
    }
    if (address.foreign() == Passing.ForeignForm.ARRAY) {
      Shape array = types.shape(type);
      return array instanceof Shape.Array known
          ? new Pointee(known.element(), known.element().bytes(), null, null, known.length())
          : new Pointee(array, array.bytes(), null, null, 1);
    }
    Shape element = element(type, address, types);
    Long unit = address.size() == null && element != null ? Long.valueOf(element.bytes()) : null;
    return new Pointee(element, unit, address.size(), address.count(), 1);
  }

  private static @Nullable Shape element(CType type, ByAddress address, TypeTable types) {
    try {
      CType target = types.target(type);
      return target == CType.Basic.VOID ? null : types.shape(target);
    } catch (UnknownTypeException unknown) {
      boolean sizeIsNeeded = address.direction() != Passing.Direction.NONE || address.hasExtent();
      if (sizeIsNeeded && address.size() == null) {
        throw unknown;
      }
      return null;
    }
  }

  /**
   * How many bytes.
   *
   * @param named the value of the parameter or member of a name
   * @throws WrongUseException if the product is negative or too large
   */
  long bytes(ToLongFunction<String> named, String what) {
    try {
      long one = size != null ? value(size, named) : unit != null ? unit : 1;
      long many = count != null ? value(count, named) : fixed;
      long bytes = Math.multiplyExact(one, many);
      if (one < 0 || many < 0 || bytes < 0) {
        throw new WrongUseException(what + ": expected a size of zero or more, found " + one + " × " + many);
      }
      return bytes;
    } catch (ArithmeticException overflow) {
      throw new WrongUseException(what + ": expected a size below 2^63, found more");
    }
  }

  private static long value(Extent extent, ToLongFunction<String> named) {
    return switch (extent) {
      case Extent.Literal literal -> literal.value();
      case Extent.Named name -> named.applyAsLong(name.name());
    };
  }
}
