package org.enclavisor.isa;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * A structure with a value of it, and the bytes that this value must have.
 *
 * @param hasReservedBits the structure's own; where it offers none, whether {@code read} refuses
 */
record StructureCase<T>(
    StructLayout layout,
    int size,
    Function<MemorySegment, T> read,
    BiConsumer<T, MemorySegment> write,
    Predicate<MemorySegment> hasReservedBits,
    T value,
    byte[] golden) {

  static <T> StructureCase<T> of(
      StructLayout layout,
      int size,
      Function<MemorySegment, T> read,
      BiConsumer<T, MemorySegment> write,
      T value,
      Golden golden) {
    return new StructureCase<>(layout, size, read, write, bytes -> refuses(read, bytes), value, golden.build());
  }

  StructureCase<T> withReservedBits(Predicate<MemorySegment> predicate) {
    return new StructureCase<>(layout, size, read, write, predicate, value, golden);
  }

  private static <T> boolean refuses(Function<MemorySegment, T> read, MemorySegment bytes) {
    try {
      read.apply(bytes);
      return false;
    } catch (MalformedStructureException e) {
      return true;
    }
  }

  T read(byte[] bytes) {
    return read.apply(MemorySegment.ofArray(bytes));
  }

  byte[] write(T written) {
    byte[] bytes = new byte[size];
    write.accept(written, MemorySegment.ofArray(bytes));
    return bytes;
  }

  String name() {
    return layout.name().orElseThrow();
  }

  @Override
  public String toString() {
    return name();
  }
}
