package org.enclavisor.host.edl;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import org.enclavisor.host.edl.Passing.ByAddress;
import org.enclavisor.host.edl.Passing.Direction;
import org.enclavisor.host.edl.Passing.Extent;
import org.enclavisor.host.edl.Passing.ForeignForm;
import org.enclavisor.host.edl.Passing.Text;
import org.jspecify.annotations.Nullable;

/**
 * Which attributes go together: the checks that {@code sgx_edger8r} makes in its grammar's actions, in its order where
 * the order decides which error is seen.
 */
final class PassingRules {
  private PassingRules() {}

  /** {@code key} or {@code key=value} of an attribute block. */
  record Attribute(String key, @Nullable Extent value, SourcePosition position) {}

  /** Reads an attribute block if there is one. */
  static List<Attribute> block(TokenCursor cursor) {
    if (!cursor.accept("[")) {
      return List.of();
    }
    var attributes = new ArrayList<Attribute>();
    do {
      if (cursor.peek().is("]")) {
        throw cursor.unexpected("attributes", "an attribute");
      }
      Token key = cursor.name("attributes");
      Extent value = null;
      if (cursor.accept("=")) {
        value =
            cursor.peek().kind() == Token.Kind.NUMBER
                ? new Extent.Literal(cursor.number("attribute " + key.text()))
                : new Extent.Named(cursor.name("attribute " + key.text()).text());
      }
      attributes.add(new Attribute(key.text(), value, key.position()));
    } while (cursor.accept(","));
    cursor.expect("]", "attributes");
    return attributes;
  }

  private static MalformedEdlException wrong(SourcePosition position, String what, String expected, String found) {
    return new MalformedEdlException(position, what, expected, found);
  }

  /** What the attributes say, each for itself. */
  private static ByAddress read(List<Attribute> attributes) {
    Direction direction = Direction.NONE;
    Extent size = null;
    Extent count = null;
    Text text = Text.NONE;
    ForeignForm form = ForeignForm.PLAIN;
    boolean readOnly = false;
    boolean unchecked = false;
    var seen = new HashSet<String>();
    for (Attribute attribute : attributes) {
      String key = attribute.key();
      SourcePosition position = attribute.position();
      boolean again = !seen.add(key);
      switch (key) {
        case "in", "out" -> {
          if (again) {
            throw wrong(position, "attributes", "'" + key + "' once", "it twice");
          }
          Direction one = key.equals("in") ? Direction.IN : Direction.OUT;
          direction = direction == Direction.NONE ? one : Direction.IN_OUT;
        }
        case "size" -> size = extent(attribute, again);
        case "count" -> count = extent(attribute, again);
        case "string" -> text = text(Text.STRING, text, position);
        case "wstring" -> text = text(Text.WSTRING, text, position);
        case "isptr" -> form = form(ForeignForm.POINTER, form, position);
        case "isary" -> form = form(ForeignForm.ARRAY, form, position);
        case "readonly" -> readOnly = true;
        case "user_check" -> unchecked = true;
        case "sizefunc" ->
            throw wrong(position, "attributes", "'size' or 'count'", "'sizefunc', which is no longer supported");
        default ->
            throw wrong(
                position,
                "attributes",
                "in, out, size=, count=, string, wstring, isptr, isary, readonly or user_check",
                "'" + key + "'");
      }
    }
    return new ByAddress(direction, size, count, text, form, readOnly, unchecked);
  }

  private static Extent extent(Attribute attribute, boolean again) {
    if (again) {
      throw wrong(attribute.position(), "attributes", "'" + attribute.key() + "' once", "it twice");
    }
    Extent value = attribute.value();
    if (value == null) {
      throw wrong(attribute.position(), "attribute " + attribute.key(), "'=' and a number or name", "none");
    }
    return value;
  }

  private static Text text(Text now, Text before, SourcePosition position) {
    if (before != Text.NONE && before != now) {
      throw wrong(position, "attributes", "either 'string' or 'wstring'", "both");
    }
    return now;
  }

  private static ForeignForm form(ForeignForm now, ForeignForm before, SourcePosition position) {
    if (before != ForeignForm.PLAIN && before != now) {
      throw wrong(position, "attributes", "either 'isptr' or 'isary'", "both");
    }
    return now;
  }

  /** Attributes of a pointer or array that is a parameter. */
  private static ByAddress checked(List<Attribute> attributes, SourcePosition position) {
    ByAddress address = read(attributes);
    String what = "attributes";
    if (address.foreign() == ForeignForm.ARRAY) {
      if (address.hasExtent()) {
        throw wrong(position, what, "no 'size' or 'count' with 'isary'", "one");
      }
      if (!address.unchecked() && address.direction() == Direction.NONE) {
        throw wrong(position, what, "'in', 'out' or 'user_check' for an array", "none of them");
      }
      return address;
    }
    boolean isText = address.text() != Text.NONE;
    if (address.hasExtent() && isText) {
      throw wrong(position, what, "no 'size' or 'count' with 'string' or 'wstring'", "one");
    }
    if ((address.hasExtent() || isText) && address.direction() == Direction.NONE) {
      throw wrong(position, what, "'in' or 'out' with a size or string", "none of them");
    }
    if (address.direction() != Direction.NONE && address.unchecked()) {
      throw wrong(position, what, "either 'in' or 'out', or 'user_check'", "both");
    }
    if (address.direction() == Direction.NONE && !address.unchecked()) {
      throw wrong(position, what, "'in', 'out' or 'user_check' for a pointer or array", "none of them");
    }
    if (address.direction() == Direction.OUT && isText) {
      throw wrong(position, what, "'in' with 'string' or 'wstring'", "'out' alone");
    }
    return address;
  }

  private static boolean isForeign(CType type) {
    return switch (type) {
      case CType.Pointer pointer -> isForeign(pointer.target());
      case CType.Foreign _ -> true;
      case CType.Basic _, CType.StructRef _, CType.UnionRef _, CType.EnumRef _ -> false;
    };
  }

  /** How a parameter of this type and these attributes is passed. */
  static Passing parameter(
      List<Attribute> attributes, CType type, boolean isConst, boolean isArray, SourcePosition at) {
    boolean bareForeign = type instanceof CType.Foreign;
    if (isConst) {
      ByAddress address = checked(attributes, at);
      return new ByAddress(
          address.direction(), address.size(), address.count(), address.text(), address.foreign(), true,
          address.unchecked());
    }
    if (attributes.isEmpty()) {
      return type instanceof CType.Pointer || isArray ? checked(attributes, at) : Passing.ByValue.INSTANCE;
    }
    ByAddress address = checked(attributes, at);
    if (address.foreign() != ForeignForm.PLAIN && !bareForeign) {
      throw wrong(at, "attributes", "'isptr' and 'isary' only with a type of a C header", "'" + type.cName() + "'");
    }
    if (address.readOnly() && !isForeign(type)) {
      throw wrong(at, "attributes", "'readonly' only with a type of a C header", "'" + type.cName() + "'");
    }
    if (address.readOnly() && address.foreign() != ForeignForm.POINTER) {
      throw wrong(at, "attributes", "'isptr' beside 'readonly'", "'readonly' alone");
    }
    boolean addressed = type instanceof CType.Pointer || isArray || address.foreign() != ForeignForm.PLAIN;
    if (!addressed) {
      throw wrong(at, "attributes", "a pointer or array, or 'isptr' or 'isary'", "'" + type.cName() + "'");
    }
    return address;
  }

  /** How a member of a structure is passed. */
  static Passing member(List<Attribute> attributes, CType type, boolean isArray, SourcePosition at) {
    ByAddress address = read(attributes);
    if (attributes.isEmpty()) {
      return type instanceof CType.Pointer || isArray ? address : Passing.ByValue.INSTANCE;
    }
    if (!address.hasExtent()
        || address.direction() != Direction.NONE
        || address.foreign() != ForeignForm.PLAIN
        || address.readOnly()
        || address.text() != Text.NONE) {
      throw wrong(
          at,
          "attributes of a member",
          "'size' or 'count' and nothing else",
          "'" + String.join(", ", attributes.stream().map(Attribute::key).toList()) + "'");
    }
    if (!(type instanceof CType.Pointer) && !isArray) {
      throw wrong(at, "attributes of a member", "a pointer to what is to be copied", "'" + type.cName() + "'");
    }
    return address;
  }

  /** What can only be said once a parameter's name and dimensions are known. */
  static void checkParameter(String function, Variable parameter) {
    if (!(parameter.passing() instanceof ByAddress address)) {
      return;
    }
    CType type = parameter.type();
    SourcePosition at = parameter.position();
    String what = "parameter " + parameter.name() + " of " + function;
    if (type.equals(new CType.Pointer(CType.Basic.VOID))) {
      if (!address.unchecked() && address.size() == null) {
        throw wrong(at, what, "'size' for a pointer to void", "none");
      }
      return;
    }
    boolean isArray = parameter.isArray() || address.foreign() == ForeignForm.ARRAY;
    if (isArray && (type instanceof CType.Pointer || address.foreign() == ForeignForm.POINTER)) {
      throw wrong(at, what, "an array of values", "an array of pointers");
    }
    if (address.readOnly() && address.direction().out()) {
      throw wrong(at, what, "no 'out' for what is const or readonly", "'out'");
    }
    boolean isCharPointer =
        type.equals(new CType.Pointer(CType.Basic.CHAR)) || type.equals(new CType.Pointer(CType.Basic.UNSIGNED_CHAR));
    if (address.text() == Text.STRING && !isCharPointer) {
      throw wrong(at, what, "char* with 'string'", "'" + type.cName() + "'");
    }
    if (address.text() == Text.WSTRING && !type.equals(new CType.Pointer(CType.Basic.WCHAR_T))) {
      throw wrong(at, what, "wchar_t* with 'wstring'", "'" + type.cName() + "'");
    }
    if (parameter.isArray() && (address.hasExtent() || address.foreign() == ForeignForm.ARRAY)) {
      throw wrong(at, what, "no 'size', 'count' or 'isary' for an array with dimensions", "one");
    }
  }
}
