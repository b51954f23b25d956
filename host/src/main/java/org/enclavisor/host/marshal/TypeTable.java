package org.enclavisor.host.marshal;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.enclavisor.host.edl.CHeader;
import org.enclavisor.host.edl.CType;
import org.enclavisor.host.edl.Composite;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.host.edl.Passing;
import org.enclavisor.host.edl.Variable;

/**
 * The sizes and layouts of the types that an EDL file uses: those of the language, those that it or its headers define,
 * and those of the SDK's own headers. Thread-safe; says the same to everybody.
 */
public final class TypeTable {
  /** No type that crosses the boundary is larger. */
  private static final long MOST_BYTES = 1L << 40;

  private final Map<String, Composite.StructDef> structs = new HashMap<>();
  private final Map<String, Composite.UnionDef> unions = new HashMap<>();
  private final Map<String, CHeader.Typedef> typedefs = new HashMap<>();
  private final Set<String> enums = new HashSet<>();
  private final Map<String, Shape> composites = new ConcurrentHashMap<>();
  private final Map<String, Integer> constants = new HashMap<>();

  /** The types of an EDL file. Its own definitions come before those of headers. */
  public TypeTable(Edl edl) {
    edl.composites().forEach(this::add);
    for (var text : edl.headers()) {
      CHeader header = CHeader.read(text);
      header.composites().forEach(this::add);
      header.typedefs().forEach(typedefs::putIfAbsent);
    }
  }

  private void add(Composite composite) {
    switch (composite) {
      case Composite.StructDef struct -> structs.putIfAbsent(struct.name(), struct);
      case Composite.UnionDef union -> unions.putIfAbsent(union.name(), union);
      case Composite.EnumDef values -> {
        enums.add(values.name());
        addConstants(values);
      }
    }
  }

  private void addConstants(Composite.EnumDef values) {
    int next = 0;
    for (Composite.EnumDef.Element element : values.elements()) {
      int value =
          switch (element.value()) {
            case null -> next;
            case Passing.Extent.Literal literal -> literal.value();
            case Passing.Extent.Named named -> constants.getOrDefault(named.name(), next);
          };
      constants.putIfAbsent(element.name(), value);
      next = value + 1;
    }
  }

  /** The value of an enumeration's constant. */
  public Optional<Integer> constant(String name) {
    return Optional.ofNullable(constants.get(name));
  }

  /**
   * The layout of a type.
   *
   * @throws UnknownTypeException if its size is not known
   */
  public Shape shape(CType type) {
    return shape(type, new HashSet<>());
  }

  /** Whether a type is a pointer, also by way of typedefs. */
  public boolean isPointer(CType type) {
    return switch (resolve(type)) {
      case CType.Pointer _ -> true;
      case CType.Basic _, CType.StructRef _, CType.UnionRef _, CType.EnumRef _, CType.Foreign _ -> false;
    };
  }

  /**
   * What a pointer type points to, also by way of typedefs.
   *
   * @throws UnknownTypeException if the type is not known to be a pointer
   */
  public CType target(CType type) {
    if (resolve(type) instanceof CType.Pointer pointer) {
      return pointer.target();
    }
    throw new UnknownTypeException(type.cName());
  }

  private CType resolve(CType type) {
    CType current = type;
    for (int i = 0; i < 32 && current instanceof CType.Foreign foreign; i++) {
      CHeader.Typedef typedef = typedefs.get(foreign.name());
      if (typedef == null || !typedef.dimensions().isEmpty()) {
        return current;
      }
      current = typedef.type();
    }
    return current;
  }

  private Shape shape(CType type, Set<String> open) {
    return switch (type) {
      case CType.Basic basic -> new Shape.Scalar(basic.cName(), basic.kind(), basic.bytes());
      case CType.Pointer pointer -> new Shape.Address(pointer.cName());
      case CType.EnumRef values -> new Shape.Scalar(values.cName(), CType.Basic.Kind.UNSIGNED, Integer.BYTES);
      case CType.StructRef ref -> {
        Composite.StructDef struct = structs.get(ref.name());
        yield struct == null ? known(ref.name(), ref.cName()) : struct(struct, open);
      }
      case CType.UnionRef ref -> {
        Composite.UnionDef union = unions.get(ref.name());
        yield union == null ? known(ref.name(), ref.cName()) : union(union, open);
      }
      case CType.Foreign foreign -> foreign(foreign.name(), open);
    };
  }

  private Shape foreign(String name, Set<String> open) {
    CHeader.Typedef typedef = typedefs.get(name);
    if (typedef != null) {
      enter("typedef " + name, open);
      Shape element = shape(typedef.type(), open);
      open.remove("typedef " + name);
      return array(element, typedef.dimensions());
    }
    // edger8r writes structures, unions and enumerations with a typedef of the same name.
    if (structs.containsKey(name)) {
      return struct(structs.get(name), open);
    }
    if (unions.containsKey(name)) {
      return union(unions.get(name), open);
    }
    if (enums.contains(name)) {
      return new Shape.Scalar(name, CType.Basic.Kind.UNSIGNED, Integer.BYTES);
    }
    return known(name, name);
  }

  private static Shape known(String name, String cName) {
    return SdkTypes.find(name).orElseThrow(() -> new UnknownTypeException(cName));
  }

  private static void enter(String what, Set<String> open) {
    if (!open.add(what)) {
      throw new UnknownTypeException(what + ", which contains itself");
    }
  }

  private static Shape array(Shape element, List<Integer> dimensions) {
    Shape shape = element;
    if (!dimensions.isEmpty()) {
      int length = 1;
      for (int dimension : dimensions) {
        length = Math.multiplyExact(length, dimension);
      }
      if (element.bytes() > MOST_BYTES / length) {
        throw new UnknownTypeException(element.cName() + "[" + length + "], which is too large");
      }
      shape = new Shape.Array(element, length);
    }
    return shape;
  }

  private Shape struct(Composite.StructDef struct, Set<String> open) {
    Shape known = composites.get("struct " + struct.name());
    return known != null ? known : layOut(struct, open);
  }

  private Shape layOut(Composite.StructDef struct, Set<String> open) {
    enter("struct " + struct.name(), open);
    var members = new ArrayList<Shape.Member>();
    long offset = 0;
    long alignment = 1;
    for (Variable member : struct.members()) {
      Shape shape = array(shape(member.type(), open), member.dimensions());
      offset = Shape.align(offset, shape.alignment());
      members.add(new Shape.Member(member.name(), offset, shape, member.type(), member.passing()));
      offset += shape.bytes();
      alignment = Math.max(alignment, shape.alignment());
      if (offset > MOST_BYTES) {
        throw new UnknownTypeException("struct " + struct.name() + ", which is too large");
      }
    }
    open.remove("struct " + struct.name());
    var laidOut = new Shape.Struct("struct " + struct.name(), members, Shape.align(offset, alignment), alignment);
    composites.put(laidOut.cName(), laidOut);
    return laidOut;
  }

  private Shape union(Composite.UnionDef union, Set<String> open) {
    Shape known = composites.get("union " + union.name());
    return known != null ? known : layOut(union, open);
  }

  private Shape layOut(Composite.UnionDef union, Set<String> open) {
    enter("union " + union.name(), open);
    var members = new ArrayList<Shape.Member>();
    long bytes = 0;
    long alignment = 1;
    for (Variable member : union.members()) {
      Shape shape = array(shape(member.type(), open), member.dimensions());
      members.add(new Shape.Member(member.name(), 0, shape, member.type(), member.passing()));
      bytes = Math.max(bytes, shape.bytes());
      alignment = Math.max(alignment, shape.alignment());
    }
    open.remove("union " + union.name());
    var laidOut = new Shape.Union("union " + union.name(), members, Shape.align(bytes, alignment), alignment);
    composites.put(laidOut.cName(), laidOut);
    return laidOut;
  }
}
