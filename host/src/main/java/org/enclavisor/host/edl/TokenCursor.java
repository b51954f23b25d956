package org.enclavisor.host.edl;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** A place in a list of tokens, and what the grammar's parts share: names, numbers, types. Confined to one thread. */
final class TokenCursor {
  /** Words that cannot name anything. */
  static final Set<String> RESERVED =
      Set.of(
          "char", "short", "unsigned", "int", "float", "double", "int8_t", "int16_t", "int32_t", "int64_t", "uint8_t",
          "uint16_t", "uint32_t", "uint64_t", "size_t", "wchar_t", "long", "void", "struct", "union", "enum",
          "enclave", "trusted", "untrusted", "from", "import", "allow", "public", "transition_using_threads",
          "include", "propagate_errno", "const");

  private static final int MOST_STARS = 16;

  private final List<Token> tokens;
  private int at;

  TokenCursor(List<Token> tokens) {
    this.tokens = tokens;
  }

  Token peek() {
    return tokens.get(at);
  }

  Token peek(int ahead) {
    return tokens.get(Math.min(at + ahead, tokens.size() - 1));
  }

  Token next() {
    Token token = tokens.get(at);
    if (token.kind() != Token.Kind.END) {
      at++;
    }
    return token;
  }

  /** For going back to where the cursor was. */
  int mark() {
    return at;
  }

  void reset(int mark) {
    at = mark;
  }

  boolean atEnd() {
    return peek().kind() == Token.Kind.END;
  }

  boolean accept(String text) {
    if (peek().is(text)) {
      at++;
      return true;
    }
    return false;
  }

  Token expect(String text, String what) {
    if (!peek().is(text)) {
      throw unexpected(what, "'" + text + "'");
    }
    return next();
  }

  MalformedEdlException unexpected(String what, String expected) {
    Token token = peek();
    String found = token.found();
    if (token.is("private")) {
      found += " (EDL has no such word: an ECALL without 'public' is private)";
    }
    return new MalformedEdlException(token.position(), what, expected, found);
  }

  Token name(String what) {
    if (peek().kind() != Token.Kind.WORD || RESERVED.contains(peek().text())) {
      throw unexpected(what, "a name");
    }
    return next();
  }

  String string(String what) {
    if (peek().kind() != Token.Kind.STRING) {
      throw unexpected(what, "a string in double quotes");
    }
    return next().text();
  }

  int number(String what) {
    Token token = peek();
    if (token.kind() != Token.Kind.NUMBER) {
      throw unexpected(what, "a decimal number");
    }
    try {
      int value = Integer.parseInt(token.text());
      next();
      return value;
    } catch (NumberFormatException tooLarge) {
      throw unexpected(what, "a number up to " + Integer.MAX_VALUE);
    }
  }

  /** A type with its stars. */
  CType type(String what) {
    return stars(bareType(what));
  }

  /** The given type with the stars that follow. */
  CType stars(CType type) {
    int stars = 0;
    CType result = type;
    while (accept("*")) {
      result = new CType.Pointer(result);
      if (++stars > MOST_STARS) {
        throw unexpected("type", "at most " + MOST_STARS + " '*'");
      }
    }
    return result;
  }

  /** A type without stars. */
  CType bareType(String what) {
    Token token = peek();
    if (token.kind() != Token.Kind.WORD) {
      throw unexpected(what, "a type");
    }
    return switch (token.text()) {
      case "unsigned" -> unsigned();
      case "short" -> {
        next();
        accept("int");
        yield CType.Basic.SHORT;
      }
      case "long" -> signedLong();
      case "struct" -> new CType.StructRef(tag("struct"));
      case "union" -> new CType.UnionRef(tag("union"));
      case "enum" -> new CType.EnumRef(tag("enum"));
      case "char" -> basic(CType.Basic.CHAR);
      case "int" -> basic(CType.Basic.INT);
      case "float" -> basic(CType.Basic.FLOAT);
      case "double" -> basic(CType.Basic.DOUBLE);
      case "int8_t" -> basic(CType.Basic.INT8);
      case "int16_t" -> basic(CType.Basic.INT16);
      case "int32_t" -> basic(CType.Basic.INT32);
      case "int64_t" -> basic(CType.Basic.INT64);
      case "uint8_t" -> basic(CType.Basic.UINT8);
      case "uint16_t" -> basic(CType.Basic.UINT16);
      case "uint32_t" -> basic(CType.Basic.UINT32);
      case "uint64_t" -> basic(CType.Basic.UINT64);
      case "size_t" -> basic(CType.Basic.SIZE_T);
      case "wchar_t" -> basic(CType.Basic.WCHAR_T);
      case "void" -> basic(CType.Basic.VOID);
      default -> new CType.Foreign(typeName(what));
    };
  }

  private String typeName(String what) {
    if (RESERVED.contains(peek().text())) {
      throw unexpected(what, "a type");
    }
    return next().text();
  }

  private String tag(String keyword) {
    next();
    return name(keyword).text();
  }

  private CType basic(CType.Basic type) {
    next();
    return type;
  }

  private CType unsigned() {
    next();
    if (accept("char")) {
      return CType.Basic.UNSIGNED_CHAR;
    }
    if (accept("short")) {
      accept("int");
      return CType.Basic.UNSIGNED_SHORT;
    }
    if (accept("long")) {
      if (accept("long")) {
        return CType.Basic.UNSIGNED_LONG_LONG;
      }
      accept("int");
      return CType.Basic.UNSIGNED_LONG;
    }
    accept("int");
    return CType.Basic.UNSIGNED_INT;
  }

  private CType signedLong() {
    next();
    if (accept("long")) {
      return CType.Basic.LONG_LONG;
    }
    if (accept("double")) {
      return CType.Basic.LONG_DOUBLE;
    }
    accept("int");
    return CType.Basic.LONG;
  }

  /** The {@code [n]} that follow a name. Their product fits into an int. */
  List<Integer> dimensions() {
    var dimensions = new ArrayList<Integer>();
    long product = 1;
    while (peek().is("[")) {
      next();
      if (peek().is("]")) {
        throw unexpected("array", "a length: flexible arrays cannot be copied");
      }
      int length = number("array");
      if (length == 0) {
        at--;
        throw unexpected("array", "a length above zero");
      }
      product *= length;
      if (product > Integer.MAX_VALUE) {
        at--;
        throw unexpected("array", "at most " + Integer.MAX_VALUE + " elements in all dimensions");
      }
      expect("]", "array");
      dimensions.add(length);
    }
    return dimensions;
  }
}
