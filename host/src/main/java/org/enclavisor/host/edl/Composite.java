package org.enclavisor.host.edl;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A type that an EDL file defines. */
public sealed interface Composite {

  /** The tag; empty of an anonymous enumeration. */
  String name();

  /** Where it is defined. */
  SourcePosition position();

  /** {@code struct}. */
  record StructDef(String name, List<Variable> members, SourcePosition position) implements Composite {
    public StructDef {
      members = List.copyOf(members);
    }

    /** Whether a member says {@code size} or {@code count}, so that what it points to is copied too. */
    public boolean isDeepCopy() {
      return members.stream()
          .anyMatch(member -> member.passing() instanceof Passing.ByAddress address && address.hasExtent());
    }
  }

  /** {@code union}. */
  record UnionDef(String name, List<Variable> members, SourcePosition position) implements Composite {
    public UnionDef {
      members = List.copyOf(members);
    }
  }

  /** {@code enum}. */
  record EnumDef(String name, List<Element> elements, SourcePosition position) implements Composite {
    public EnumDef {
      elements = List.copyOf(elements);
    }

    /** A constant, with its value if one is written. */
    public record Element(String name, Passing.@Nullable Extent value) {}
  }
}
