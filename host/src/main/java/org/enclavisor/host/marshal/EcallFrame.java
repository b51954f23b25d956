package org.enclavisor.host.marshal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.host.edl.Passing;
import org.enclavisor.host.edl.Passing.ByAddress;
import org.enclavisor.host.sdk.CallArena;
import org.enclavisor.host.sdk.CallRecord;
import org.enclavisor.host.sdk.CallRecord.Buffer;
import org.jspecify.annotations.Nullable;

/**
 * The parameters of one ECALL in the shared memory: the structure and the buffers it points to. The enclave copies them
 * in, and copies back what is {@code out}. Confined to the calling thread.
 */
public final class EcallFrame {
  private final FunctionPlan plan;
  private final CallArena arena;
  private final @Nullable Object[] arguments;
  private final Buffer[] buffers;
  private final MemorySegment ms;
  private final long address;

  private EcallFrame(FunctionPlan plan, CallArena arena, @Nullable Object[] arguments) {
    this.plan = plan;
    this.arena = arena;
    this.arguments = arguments;
    buffers = new Buffer[arguments.length];
    address = plan.struct().isNone() ? 0 : arena.allocate(plan.struct().bytes());
    ms = address == 0 ? MemorySegment.NULL : arena.slice(address, plan.struct().bytes());
  }

  /** That of a call which was written elsewhere. */
  private EcallFrame(FunctionPlan plan, CallArena arena, @Nullable Object[] arguments, CallRecord record) {
    this.plan = plan;
    this.arena = arena;
    this.arguments = arguments;
    buffers = record.buffers().toArray(Buffer[]::new);
    address = record.ms();
    ms = address == 0 ? MemorySegment.NULL : arena.slice(address, plan.struct().bytes());
  }

  /**
   * The parameters of a call that was written into the same memory, elsewhere. What is handed back goes into byte
   * arrays, which {@link #outputs} gives.
   *
   * @throws WrongUseException if they are those of another function
   */
  public static EcallFrame adopt(FunctionPlan plan, CallRecord record, CallArena arena) {
    int count = plan.parameters().size();
    if (record.buffers().size() != count || record.ms() == 0 != plan.struct().isNone()) {
      throw new WrongUseException(plan.function().signature() + ": expected its parameters, found another call's");
    }
    var arguments = new @Nullable Object[count];
    for (int i = 0; i < count; i++) {
      Buffer buffer = record.buffers().get(i);
      boolean out = plan.parameters().get(i).variable().passing() instanceof ByAddress by && by.direction().out();
      arguments[i] = out && buffer.address() != 0 ? new byte[Math.toIntExact(buffer.bytes())] : null;
    }
    return new EcallFrame(plan, arena, arguments, record);
  }

  /** Where everything of it lies. */
  public CallRecord record() {
    return new CallRecord(plan.index(), address, List.of(buffers), arena.pieces());
  }

  /** The same as {@link #finish}, into byte arrays. */
  public @Nullable Object finishRaw() {
    for (int i = 0; i < arguments.length; i++) {
      if (arguments[i] instanceof byte[] bytes) {
        copy(buffers[i]).asByteBuffer().get(bytes);
      }
    }
    return result(new ValueReader(plan.types(), arena.memory()), Object.class);
  }

  /**
   * Writes the parameters.
   *
   * @param arguments one for each parameter
   * @throws WrongUseException if they do not fit
   */
  public static EcallFrame write(FunctionPlan plan, @Nullable Object[] arguments, CallArena arena) {
    int expected = plan.parameters().size();
    if (arguments.length != expected) {
      throw new WrongUseException(
          "%s: expected %d argument%s, found %d"
              .formatted(plan.function().signature(), expected, expected == 1 ? "" : "s", arguments.length));
    }
    var frame = new EcallFrame(plan, arena, arguments);
    for (int i = 0; i < arguments.length; i++) {
      frame.write(i);
    }
    return frame;
  }

  /** The address of the structure; 0 of a function without one. */
  public long address() {
    return address;
  }

  private void write(int number) {
    ParameterPlan parameter = plan.parameters().get(number);
    Object value = arguments[number];
    String what = parameter.what();
    buffers[number] = Buffer.NONE;
    MarshallingStruct.Slot slot = parameter.slot();
    MemorySegment place = ms.asSlice(slot.offset(), slot.shape().bytes());
    switch (parameter.variable().passing()) {
      case Passing.ByValue _ -> writer().value(place, slot.shape(), value, this::place, what);
      case ByAddress by when by.unchecked() -> Scalars.writeBits(place, Long.BYTES, Addresses.of(value, what));
      case ByAddress by -> {
        if (value == null) {
          return;
        }
        if (by.direction().out() && !ValueReader.takesBack(value)) {
          throw new WrongUseException(
              "%s: expected an array, MemorySegment or Ref for [%s], found %s"
                  .formatted(what, by.direction().in() ? "in, out" : "out", value.getClass().getSimpleName()));
        }
        buffers[number] =
            by.text() == Passing.Text.NONE
                ? elements(parameter, by, value, what)
                : text(parameter, by, value, what);
        Scalars.writeBits(place, Long.BYTES, buffers[number].address());
      }
    }
  }

  private ValueWriter writer() {
    return new ValueWriter(plan.types());
  }

  private Placement.Target place(MemorySegment member, long bytes, String what) {
    long target = arena.allocate(Math.max(bytes, 1));
    return new Placement.Target(target, arena.slice(target, bytes));
  }

  private Buffer text(ParameterPlan parameter, ByAddress by, Object value, String what) {
    byte[] bytes = Texts.bytes(value, by.text(), what);
    long target = arena.allocate(bytes.length);
    arena.slice(target, bytes.length).copyFrom(MemorySegment.ofArray(bytes));
    if (parameter.length() != null) {
      Scalars.writeBits(ms.asSlice(parameter.length().offset()), Long.BYTES, bytes.length);
    }
    return new Buffer(target, bytes.length);
  }

  private Buffer elements(ParameterPlan parameter, ByAddress by, Object value, String what) {
    Pointee pointee = java.util.Objects.requireNonNull(parameter.pointee());
    long bytes = pointee.bytes(named(), what);
    // A buffer of no bytes still has an address: NULL means that there is none.
    long target = arena.allocate(Math.max(bytes, 1));
    MemorySegment place = arena.slice(target, bytes);
    if (by.direction().in()) {
      writer().elements(place, pointee.element(), value, this::place, what);
    }
    return new Buffer(target, bytes);
  }

  private ToLongFunction<String> named() {
    return name -> {
      for (int i = 0; i < arguments.length; i++) {
        if (plan.parameters().get(i).variable().name().equals(name)) {
          return number(plan.parameters().get(i), arguments[i]);
        }
      }
      throw new WrongUseException(plan.function().name() + ": expected a parameter " + name + ", found none");
    };
  }

  /** What the enclave will see: the argument cut to the parameter's type. */
  private long number(ParameterPlan parameter, @Nullable Object value) {
    String what = parameter.what();
    if (!(parameter.slot().shape() instanceof Shape.Scalar scalar)) {
      throw new WrongUseException(what + ": expected a number as the size of another parameter");
    }
    MemorySegment copy = MemorySegment.ofArray(new byte[(int) scalar.bytes()]);
    Scalars.write(copy, scalar, value, what);
    return Scalars.bits(copy, scalar);
  }

  /**
   * Reads back what is {@code out} into the arguments, and the result.
   *
   * @param resultType the Java type of the result; {@code Object} for whatever is natural
   * @param refTypes for each parameter what its {@link org.enclavisor.host.Ref} holds
   * @return null of a function without result
   */
  public @Nullable Object finish(Class<?> resultType, Class<?>[] refTypes) {
    var reader = new ValueReader(plan.types(), arena.memory());
    for (int i = 0; i < arguments.length; i++) {
      ParameterPlan parameter = plan.parameters().get(i);
      Object container = arguments[i];
      if (container == null || !(parameter.variable().passing() instanceof ByAddress by) || !by.direction().out()) {
        continue;
      }
      MemorySegment copy = copy(buffers[i]);
      String what = parameter.what();
      if (by.text() != Passing.Text.NONE) {
        Texts.putBack(copy, by.text(), container, what);
      } else {
        Pointee pointee = java.util.Objects.requireNonNull(parameter.pointee());
        reader.putBack(copy, pointee.element(), container, refTypes[i], what);
      }
    }
    return result(reader, resultType);
  }

  private @Nullable Object result(ValueReader reader, Class<?> resultType) {
    MarshallingStruct.Slot result = plan.result();
    if (result == null) {
      return null;
    }
    MemorySegment copy = copy(new Buffer(address + result.offset(), result.shape().bytes()));
    return reader.value(copy, result.shape(), resultType, plan.function().name() + " result");
  }

  private MemorySegment copy(Buffer buffer) {
    return MemorySegment.ofArray(arena.slice(buffer.address(), buffer.bytes()).toArray(ValueLayout.JAVA_BYTE));
  }

  /** The arguments that took something back, by the names of their parameters. */
  public Map<String, Object> outputs() {
    var outputs = new LinkedHashMap<String, Object>();
    for (int i = 0; i < arguments.length; i++) {
      ParameterPlan parameter = plan.parameters().get(i);
      Object container = arguments[i];
      if (container != null && parameter.variable().passing() instanceof ByAddress by && by.direction().out()) {
        outputs.put(parameter.variable().name(), container);
      }
    }
    return outputs;
  }
}
