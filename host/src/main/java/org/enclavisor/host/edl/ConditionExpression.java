package org.enclavisor.host.edl;

import java.util.List;
import java.util.Map;

/** The expression of an {@code #if}: integers, names, {@code defined}, {@code ! && || == != < > <= >=}, parentheses. */
final class ConditionExpression {
  private static final int DEEPEST = 64;

  private final List<Token> tokens;
  private final Map<String, List<Token>> macros;
  private final SourcePosition position;
  private int at;
  private int depth;

  private ConditionExpression(List<Token> tokens, Map<String, List<Token>> macros, SourcePosition position) {
    this.tokens = tokens;
    this.macros = macros;
    this.position = position;
  }

  static boolean isTrue(List<Token> tokens, Map<String, List<Token>> macros, SourcePosition position) {
    var expression = new ConditionExpression(tokens, macros, position);
    long value = expression.or();
    if (expression.at != tokens.size()) {
      throw expression.malformed("an operator");
    }
    return value != 0;
  }

  private MalformedEdlException malformed(String expected) {
    return new MalformedEdlException(
        position, "#if", expected, at < tokens.size() ? tokens.get(at).found() : "the end of the line");
  }

  private boolean accept(String symbols) {
    for (int i = 0; i < symbols.length(); i++) {
      if (at + i >= tokens.size() || !tokens.get(at + i).is(symbols.substring(i, i + 1))) {
        return false;
      }
    }
    at += symbols.length();
    return true;
  }

  private long or() {
    long value = and();
    while (accept("||")) {
      value = (and() != 0 | value != 0) ? 1 : 0;
    }
    return value;
  }

  private long and() {
    long value = comparison();
    while (accept("&&")) {
      value = (comparison() != 0 & value != 0) ? 1 : 0;
    }
    return value;
  }

  private long comparison() {
    long value = unary();
    while (true) {
      if (accept("==")) {
        value = value == unary() ? 1 : 0;
      } else if (accept("!=")) {
        value = value != unary() ? 1 : 0;
      } else if (accept("<=")) {
        value = value <= unary() ? 1 : 0;
      } else if (accept(">=")) {
        value = value >= unary() ? 1 : 0;
      } else if (accept("<")) {
        value = value < unary() ? 1 : 0;
      } else if (accept(">")) {
        value = value > unary() ? 1 : 0;
      } else {
        return value;
      }
    }
  }

  private long unary() {
    if (++depth > DEEPEST) {
      throw malformed("at most " + DEEPEST + " levels");
    }
    try {
      if (accept("!")) {
        return unary() == 0 ? 1 : 0;
      }
      if (accept("(")) {
        long value = or();
        if (!accept(")")) {
          throw malformed("')'");
        }
        return value;
      }
      return primary();
    } finally {
      depth--;
    }
  }

  private long primary() {
    if (at >= tokens.size()) {
      throw malformed("a value");
    }
    Token token = tokens.get(at++);
    if (token.kind() == Token.Kind.NUMBER) {
      return number(token);
    }
    if (token.is("defined")) {
      boolean open = accept("(");
      if (at >= tokens.size() || tokens.get(at).kind() != Token.Kind.WORD) {
        throw malformed("a name after defined");
      }
      boolean known = macros.containsKey(tokens.get(at++).text());
      if (open && !accept(")")) {
        throw malformed("')'");
      }
      return known ? 1 : 0;
    }
    if (token.kind() == Token.Kind.WORD) {
      // As in C, a name that is no macro is 0; one that stands for a single number is that number.
      List<Token> body = macros.get(token.text());
      return body != null && body.size() == 1 && body.getFirst().kind() == Token.Kind.NUMBER
          ? number(body.getFirst())
          : 0;
    }
    at--;
    throw malformed("a value");
  }

  private long number(Token token) {
    try {
      return Long.parseLong(token.text());
    } catch (NumberFormatException tooLarge) {
      throw new MalformedEdlException(position, "#if", "a number below 2^63", token.found());
    }
  }
}
