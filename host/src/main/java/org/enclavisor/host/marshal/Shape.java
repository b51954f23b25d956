package org.enclavisor.host.marshal;

import java.util.List;
import org.enclavisor.host.edl.CType;
import org.enclavisor.host.edl.Passing;

/** How a C type lies in memory on x86-64 (System V ABI). */
public sealed interface Shape {

  /** Size in bytes. */
  long bytes();

  /** Alignment in bytes. */
  long alignment();

  /** As C writes it. */
  String cName();

  /** A number; an enumeration is an {@code unsigned int}. */
  record Scalar(String cName, CType.Basic.Kind kind, long bytes) implements Shape {
    @Override
    public long alignment() {
      return bytes;
    }
  }

  /** An address. */
  record Address(String cName) implements Shape {
    @Override
    public long bytes() {
      return Long.BYTES;
    }

    @Override
    public long alignment() {
      return Long.BYTES;
    }
  }

  /** A structure. */
  record Struct(String cName, List<Member> members, long bytes, long alignment) implements Shape {
    public Struct {
      members = List.copyOf(members);
    }

    /** Whether what members point to is copied with it. */
    public boolean isDeep() {
      return members.stream().anyMatch(Member::isDeep);
    }
  }

  /** A union. All members lie at 0. */
  record Union(String cName, List<Member> members, long bytes, long alignment) implements Shape {
    public Union {
      members = List.copyOf(members);
    }
  }

  /** An array; of more than one dimension, all its elements in a row. */
  record Array(Shape element, int length) implements Shape {
    @Override
    public long bytes() {
      return element.bytes() * length;
    }

    @Override
    public long alignment() {
      return element.alignment();
    }

    @Override
    public String cName() {
      return element.cName() + "[" + length + "]";
    }
  }

  /** A type of which only size and alignment are known. */
  record Opaque(String cName, long bytes, long alignment) implements Shape {}

  /**
   * A member of a structure or union.
   *
   * @param type as declared
   * @param passing with size or count, what it points to is copied too
   */
  record Member(String name, long offset, Shape shape, CType type, Passing passing) {

    /** Whether what it points to is copied too. */
    public boolean isDeep() {
      return passing instanceof Passing.ByAddress address && address.hasExtent();
    }
  }

  /** The next multiple of an alignment. */
  static long align(long offset, long alignment) {
    return Math.ceilDiv(offset, alignment) * alignment;
  }
}
