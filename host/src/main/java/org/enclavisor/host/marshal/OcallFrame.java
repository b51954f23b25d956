package org.enclavisor.host.marshal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.ToLongFunction;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.host.edl.CType;
import org.enclavisor.host.edl.Passing;
import org.enclavisor.host.edl.Passing.ByAddress;
import org.enclavisor.host.sdk.MalformedAddressException;
import org.enclavisor.host.sdk.SharedMemory;
import org.jspecify.annotations.Nullable;

/**
 * The parameters of one OCALL in the shared memory, as the enclave put them there. The structure is copied once, so
 * that what is checked is what is used. Confined to the thread that serves the OCALL.
 */
public final class OcallFrame {
  private final FunctionPlan plan;
  private final SharedMemory memory;
  private final ValueReader reader;
  private final MemorySegment shared;
  private final MemorySegment ms;
  private final Span[] spans;

  /** The buffer of a parameter, and what was passed to the Java method for it. */
  private record Span(long address, long bytes, @Nullable Object container) {}

  /**
   * Copies the structure.
   *
   * @param address as the enclave gave it
   * @throws MalformedAddressException if it is not in the shared memory
   */
  public OcallFrame(FunctionPlan plan, long address, SharedMemory memory) {
    this.plan = plan;
    this.memory = memory;
    reader = new ValueReader(plan.types(), memory);
    String what = "OCALL " + plan.function().name();
    if (plan.struct().isNone() != (address == 0)) {
      throw new MalformedAddressException(
          what, address, plan.struct().isNone() ? "no structure" : "a structure", "0x%x".formatted(address));
    }
    shared = memory.slice(address == 0 ? memory.base() : address, plan.struct().bytes(), what);
    ms = MemorySegment.ofArray(shared.toArray(ValueLayout.JAVA_BYTE));
    spans = new Span[plan.parameters().size()];
  }

  /** How many parameters there are. */
  public int size() {
    return spans.length;
  }

  /** The name of a parameter. */
  public String name(int number) {
    return plan.parameters().get(number).variable().name();
  }

  /**
   * The value of a parameter; null for NULL. What is {@code out} comes as something that {@link #finish} reads: an
   * array, a MemorySegment or a Ref.
   *
   * @param type the Java type wanted; {@code Object} for whatever is natural
   * @param refType what a Ref holds, if {@code type} is that
   * @throws MalformedAddressException if it points outside the shared memory
   */
  public @Nullable Object argument(int number, Class<?> type, Class<?> refType) {
    ParameterPlan parameter = plan.parameters().get(number);
    MarshallingStruct.Slot slot = parameter.slot();
    String what = parameter.what();
    MemorySegment place = ms.asSlice(slot.offset(), slot.shape().bytes());
    return switch (parameter.variable().passing()) {
      case Passing.ByValue _ -> reader.value(place, slot.shape(), type, what);
      case ByAddress by when by.unchecked() -> reader.value(place, slot.shape(), type, what);
      case ByAddress by -> {
        long address = place.get(Scalars.LONG, 0);
        if (address == 0) {
          yield null;
        }
        MemorySegment source = source(parameter, by, address, what);
        MemorySegment copy = MemorySegment.ofArray(source.toArray(ValueLayout.JAVA_BYTE));
        Object value = value(parameter, by, copy, type, refType, what);
        spans[number] = new Span(address, copy.byteSize(), value);
        yield value;
      }
    };
  }

  private MemorySegment source(ParameterPlan parameter, ByAddress by, long address, String what) {
    if (by.text() == Passing.Text.NONE) {
      Pointee pointee = java.util.Objects.requireNonNull(parameter.pointee());
      return memory.slice(address, pointee.bytes(named(), what), what);
    }
    MemorySegment rest = memory.from(address, what);
    long length = Texts.length(rest, by.text());
    if (length < 0) {
      throw new MalformedAddressException(what, address, "a zero at the end of the string", "none");
    }
    return rest.asSlice(0, length);
  }

  private Object value(
      ParameterPlan parameter, ByAddress by, MemorySegment copy, Class<?> type, Class<?> refType, String what) {
    boolean out = by.direction().out();
    if (type == org.enclavisor.host.Ref.class) {
      return org.enclavisor.host.Ref.of(one(parameter, by, copy, refType, what));
    }
    Object value = one(parameter, by, copy, type, what);
    if (out && type == Object.class && !ValueReader.takesBack(value)) {
      return org.enclavisor.host.Ref.of(value);
    }
    if (out && !ValueReader.takesBack(value)) {
      throw new WrongUseException(
          what + ": expected an array, MemorySegment or Ref for [out], found " + type.getName());
    }
    return value;
  }

  private Object one(ParameterPlan parameter, ByAddress by, MemorySegment copy, Class<?> type, String what) {
    if (by.text() != Passing.Text.NONE) {
      boolean text = type == String.class || type == CharSequence.class || type == Object.class;
      return text ? Texts.string(copy, by.text()) : reader.elements(copy, null, type, what);
    }
    Pointee pointee = java.util.Objects.requireNonNull(parameter.pointee());
    return reader.elements(copy, pointee.element(), type, what);
  }

  private ToLongFunction<String> named() {
    return name -> {
      for (ParameterPlan parameter : plan.parameters()) {
        MarshallingStruct.Slot slot = parameter.slot();
        if (parameter.variable().name().equals(name) && slot.shape() instanceof Shape.Scalar scalar) {
          return Scalars.bits(ms.asSlice(slot.offset(), scalar.bytes()), scalar);
        }
      }
      throw new WrongUseException(plan.function().name() + ": expected a number " + name + ", found none");
    };
  }

  /**
   * Writes the result and what is {@code out} where the enclave looks for it.
   *
   * @param result of the Java method; null writes zeroes
   * @param errno for a function that hands it back
   */
  public void finish(@Nullable Object result, int errno) {
    var writer = new ValueWriter(plan.types());
    for (int i = 0; i < spans.length; i++) {
      Span span = spans[i];
      ParameterPlan parameter = plan.parameters().get(i);
      if (span == null
          || span.container() == null
          || !(parameter.variable().passing() instanceof ByAddress by)
          || !by.direction().out()) {
        continue;
      }
      String what = parameter.what();
      MemorySegment target = memory.slice(span.address(), span.bytes(), what);
      if (by.text() != Passing.Text.NONE) {
        text(target, by, span.container(), what);
      } else {
        Pointee pointee = java.util.Objects.requireNonNull(parameter.pointee());
        writer.elements(target, pointee.element(), span.container(), inPlace(), what);
      }
    }
    for (MarshallingStruct.Slot slot : plan.struct().slots()) {
      MemorySegment place = shared.asSlice(slot.offset(), slot.shape().bytes());
      switch (slot.role()) {
        case RESULT -> result(writer, place, slot.shape(), result);
        case ERRNO -> Scalars.writeBits(place, Integer.BYTES, errno);
        case PARAMETER, LENGTH -> {}
      }
    }
  }

  private void result(ValueWriter writer, MemorySegment place, Shape shape, @Nullable Object result) {
    String what = "OCALL " + plan.function().name() + " result";
    if (result == null && plan.function().signature().returnType() != CType.Basic.VOID) {
      place.fill((byte) 0);
    } else {
      writer.value(
          place,
          shape,
          result,
          (member, bytes, where) -> {
            throw new WrongUseException(where + ": a result cannot point to anything");
          },
          what);
    }
  }

  private static void text(MemorySegment target, ByAddress by, Object container, String what) {
    byte[] bytes = Texts.bytes(container, by.text(), what);
    if (bytes.length > target.byteSize()) {
      throw new WrongUseException(
          "%s: expected text of at most %d bytes with its zero, found %d"
              .formatted(what, target.byteSize(), bytes.length));
    }
    target.asSlice(0, bytes.length).copyFrom(MemorySegment.ofArray(bytes));
  }

  /** The enclave insists that members still point to where it put them. */
  private Placement inPlace() {
    return (member, bytes, what) -> {
      long address = member.get(Scalars.LONG, 0);
      if (address == 0) {
        throw new WrongUseException(what + ": expected null, as the enclave passed it, found a value");
      }
      return new Placement.Target(address, memory.slice(address, bytes, what));
    };
  }
}
