package org.enclavisor.host.edl;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The type definitions of a C header, as far as they are plain: typedefs, structures, unions and enumerations without
 * bit-fields, packing or expressions. Whatever else stands in the header is passed over, so a type that is not here is
 * unknown, never wrong.
 *
 * @param typedefs by name
 * @param composites structures, unions and enumerations with a tag; one without is given the name of its typedef
 */
public record CHeader(Map<String, Typedef> typedefs, List<Composite> composites) {
  public CHeader {
    typedefs = Map.copyOf(typedefs);
    composites = List.copyOf(composites);
  }

  /**
   * What a typedef stands for.
   *
   * @param dimensions of an array type, else empty
   */
  public record Typedef(CType type, List<Integer> dimensions) {
    public Typedef {
      dimensions = List.copyOf(dimensions);
    }
  }

  /** Reads a header. Never fails: what it does not understand is left out. */
  public static CHeader read(EdlSource.Text header) {
    try {
      var cursor = new TokenCursor(EdlLexer.tokens(header.file(), header.content(), Directives.forHeader()));
      return new Reader(cursor, header.content().contains("#pragma pack")).read();
    } catch (MalformedEdlException unreadable) {
      return new CHeader(Map.of(), List.of());
    }
  }

  /** Recursive descent over a header. Confined to one thread. */
  private static final class Reader {
    private static final int DEEPEST = 32;

    private final TokenCursor cursor;
    private final boolean packed;
    private final Map<String, Typedef> typedefs = new HashMap<>();
    private final Map<String, Composite> composites = new LinkedHashMap<>();
    private int anonymous;
    private int depth;

    Reader(TokenCursor cursor, boolean packed) {
      this.cursor = cursor;
      this.packed = packed;
    }

    CHeader read() {
      while (!cursor.atEnd()) {
        int mark = cursor.mark();
        if (!definition().isPresent()) {
          cursor.reset(mark);
          skip();
        }
      }
      return new CHeader(typedefs, List.copyOf(composites.values()));
    }

    /** One definition up to its semicolon; empty if it is none that is understood. */
    private Optional<Boolean> definition() {
      try {
        if (cursor.accept("extern")) {
          // extern "C" { … }: the braces are passed over, what is inside counts.
          if (cursor.peek().kind() == Token.Kind.STRING && cursor.peek(1).is("{")) {
            cursor.next();
            cursor.next();
            return Optional.of(true);
          }
          return Optional.empty();
        }
        if (cursor.accept("}") || cursor.accept(";")) {
          return Optional.of(true);
        }
        boolean isTypedef = cursor.accept("typedef");
        Token first = cursor.peek();
        if (!isTypedef && !first.is("struct") && !first.is("union") && !first.is("enum")) {
          return Optional.empty();
        }
        CType type = specifiers("");
        if (!isTypedef) {
          cursor.expect(";", "definition");
          return Optional.of(true);
        }
        do {
          declarator(type);
        } while (cursor.accept(","));
        cursor.expect(";", "typedef");
        return Optional.of(true);
      } catch (MalformedEdlException notUnderstood) {
        return Optional.empty();
      }
    }

    private void declarator(CType base) {
      CType type = cursor.stars(base);
      if (cursor.accept("(")) {
        cursor.expect("*", "function pointer");
        String name = cursor.name("typedef").text();
        cursor.expect(")", "function pointer");
        skipParentheses();
        typedefs.put(name, new Typedef(new CType.Pointer(CType.Basic.VOID), List.of()));
        return;
      }
      String name = cursor.name("typedef").text();
      List<Integer> dimensions = cursor.dimensions();
      if (type instanceof CType.StructRef ref && ref.name().startsWith("<")) {
        type = new CType.StructRef(rename(ref.name(), name));
      } else if (type instanceof CType.UnionRef ref && ref.name().startsWith("<")) {
        type = new CType.UnionRef(rename(ref.name(), name));
      }
      typedefs.put(name, new Typedef(type, dimensions));
    }

    /** Gives a structure without a tag the name of its typedef. */
    private String rename(String from, String to) {
      if (composites.containsKey(to)) {
        return from;
      }
      Composite composite = composites.remove(from);
      if (composite == null) {
        return from;
      }
      composites.put(
          to,
          switch (composite) {
            case Composite.StructDef struct -> new Composite.StructDef(to, struct.members(), struct.position());
            case Composite.UnionDef union -> new Composite.UnionDef(to, union.members(), union.position());
            case Composite.EnumDef values -> values;
          });
      return to;
    }

    /** The type before the stars: C allows its words in any order. */
    private CType specifiers(String owner) {
      var words = new ArrayList<String>();
      while (true) {
        Token token = cursor.peek();
        switch (token.kind() == Token.Kind.WORD ? token.text() : "") {
          case "const", "volatile" -> cursor.next();
          case "struct", "union", "enum" -> {
            CType composite = composite(owner);
            while (cursor.accept("const") || cursor.accept("volatile")) {
              continue;
            }
            return composite;
          }
          case "signed", "unsigned", "char", "short", "int", "long", "float", "double" ->
              words.add(cursor.next().text());
          default -> {
            return words.isEmpty() ? named() : basic(words);
          }
        }
      }
    }

    private CType named() {
      if (cursor.peek().is("_Bool") || cursor.peek().is("bool")) {
        cursor.next();
        return CType.Basic.UINT8;
      }
      CType type = cursor.bareType("type");
      while (cursor.accept("const") || cursor.accept("volatile")) {
        continue;
      }
      return type;
    }

    private CType basic(List<String> words) {
      boolean unsigned = words.contains("unsigned");
      long longs = words.stream().filter("long"::equals).count();
      if (words.contains("char")) {
        return unsigned ? CType.Basic.UNSIGNED_CHAR : CType.Basic.CHAR;
      }
      if (words.contains("short")) {
        return unsigned ? CType.Basic.UNSIGNED_SHORT : CType.Basic.SHORT;
      }
      if (words.contains("double")) {
        return longs > 0 ? CType.Basic.LONG_DOUBLE : CType.Basic.DOUBLE;
      }
      if (words.contains("float")) {
        return CType.Basic.FLOAT;
      }
      if (longs > 0) {
        return unsigned ? CType.Basic.UNSIGNED_LONG : CType.Basic.LONG;
      }
      return unsigned ? CType.Basic.UNSIGNED_INT : CType.Basic.INT;
    }

    private CType composite(String owner) {
      Token keyword = cursor.next();
      String tag = cursor.peek().is("{") ? "<" + owner + ++anonymous + ">" : cursor.name(keyword.text()).text();
      if (cursor.accept("{")) {
        if (++depth > DEEPEST) {
          throw cursor.unexpected(keyword.text(), "at most " + DEEPEST + " levels");
        }
        define(keyword, tag);
        depth--;
      }
      return switch (keyword.text()) {
        case "struct" -> new CType.StructRef(tag);
        case "union" -> new CType.UnionRef(tag);
        default -> new CType.EnumRef(tag);
      };
    }

    private void define(Token keyword, String tag) {
      if (keyword.is("enum")) {
        int braces = 1;
        while (braces > 0 && !cursor.atEnd()) {
          braces += cursor.peek().is("{") ? 1 : cursor.peek().is("}") ? -1 : 0;
          cursor.next();
        }
        return;
      }
      var members = new ArrayList<Variable>();
      while (!cursor.accept("}")) {
        CType type = specifiers(tag + ".");
        do {
          CType full = cursor.stars(type);
          Token name = cursor.name("member");
          List<Integer> dimensions = cursor.dimensions();
          Passing passing = PassingRules.member(List.of(), full, !dimensions.isEmpty(), name.position());
          members.add(new Variable(full, passing, name.text(), dimensions, name.position()));
        } while (cursor.accept(","));
        cursor.expect(";", "member");
      }
      boolean plain = !packed && !cursor.peek().is("__attribute__");
      if (plain) {
        composites.put(
            tag,
            keyword.is("struct")
                ? new Composite.StructDef(tag, members, keyword.position())
                : new Composite.UnionDef(tag, members, keyword.position()));
      }
    }

    private void skipParentheses() {
      cursor.expect("(", "function");
      int open = 1;
      while (open > 0 && !cursor.atEnd()) {
        open += cursor.peek().is("(") ? 1 : cursor.peek().is(")") ? -1 : 0;
        cursor.next();
      }
    }

    /** To behind the next semicolon or block at this level. */
    private void skip() {
      int open = 0;
      while (!cursor.atEnd()) {
        Token token = cursor.next();
        if (token.is("{")) {
          open++;
        } else if (token.is("}") && --open <= 0 && !cursor.peek().is(";")) {
          return;
        } else if (token.is(";") && open <= 0) {
          return;
        }
      }
    }
  }
}
