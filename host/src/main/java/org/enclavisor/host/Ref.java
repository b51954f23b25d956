package org.enclavisor.host;

import org.jspecify.annotations.Nullable;

/**
 * A place for one value, for pointers through which a function hands a value back. Not thread-safe.
 *
 * @param <T> the boxed type of the value, a record for a structure, or String
 */
public final class Ref<T> {
  private @Nullable T value;

  private Ref(@Nullable T value) {
    this.value = value;
  }

  /** A place without a value, for {@code [out]}. */
  public static <T> Ref<T> empty() {
    return new Ref<>(null);
  }

  /** A place with a value, for {@code [in, out]}. */
  public static <T> Ref<T> of(T value) {
    return new Ref<>(value);
  }

  /** The value, or null as long as there is none. */
  public @Nullable T get() {
    return value;
  }

  /** Replaces the value. */
  public void set(@Nullable T newValue) {
    value = newValue;
  }

  @Override
  public String toString() {
    return "Ref[" + value + "]";
  }
}
