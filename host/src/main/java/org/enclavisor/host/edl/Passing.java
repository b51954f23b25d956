package org.enclavisor.host.edl;

import org.jspecify.annotations.Nullable;

/** How a parameter or member is handed over. */
public sealed interface Passing {

  /** The value itself. */
  record ByValue() implements Passing {
    /** The only value. */
    public static final ByValue INSTANCE = new ByValue();
  }

  /**
   * An address.
   *
   * @param direction what is copied across the boundary
   * @param size bytes of one element, if said
   * @param count number of elements, if said
   * @param text whether it is a string, and of what characters
   * @param foreign what EDL is told about a foreign type
   * @param readOnly {@code readonly} or {@code const}
   * @param unchecked {@code user_check}: the address is passed as it is
   */
  record ByAddress(
      Direction direction,
      @Nullable Extent size,
      @Nullable Extent count,
      Text text,
      ForeignForm foreign,
      boolean readOnly,
      boolean unchecked)
      implements Passing {

    /** Whether {@code size} or {@code count} was said. */
    public boolean hasExtent() {
      return size != null || count != null;
    }
  }

  /** What is copied across the boundary. */
  enum Direction {
    NONE,
    IN,
    OUT,
    IN_OUT;

    /** Whether the callee sees the caller's bytes. */
    public boolean in() {
      return this == IN || this == IN_OUT;
    }

    /** Whether the caller sees the callee's bytes. */
    public boolean out() {
      return this == OUT || this == IN_OUT;
    }
  }

  /** Whether a pointer is a string. */
  enum Text {
    NONE,
    /** {@code string}: bytes up to a zero byte. */
    STRING,
    /** {@code wstring}: 4-byte characters up to a zero. */
    WSTRING
  }

  /** What EDL is told about a type that a header defines. */
  enum ForeignForm {
    PLAIN,
    /** {@code isptr}: the type is a pointer. */
    POINTER,
    /** {@code isary}: the type is an array. */
    ARRAY
  }

  /** The value of {@code size=} or {@code count=}. */
  sealed interface Extent {
    /** A number. */
    record Literal(int value) implements Extent {
      @Override
      public String toString() {
        return Integer.toString(value);
      }
    }

    /** Another parameter, or another member of the same structure. */
    record Named(String name) implements Extent {
      @Override
      public String toString() {
        return name;
      }
    }
  }
}
