package org.enclavisor.host.edl;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The part of the C preprocessor that EDL files use: macros without parameters, and conditions. Confined to one thread.
 */
final class Directives {
  private static final int MOST_TOKENS_OF_A_MACRO = 4096;

  private final Map<String, List<Token>> macros = new HashMap<>();
  private final Deque<Condition> conditions = new ArrayDeque<>();
  private final boolean strict;

  /** An {@code #if} that is open: whether its lines count now, and whether one of its branches has counted. */
  private record Condition(boolean outer, boolean now, boolean taken, boolean sawElse, SourcePosition position) {}

  private Directives(boolean strict) {
    this.strict = strict;
  }

  /** What a compiler for this machine defines and EDL files ask about. */
  static Directives forEdl() {
    var directives = new Directives(true);
    for (String name : List.of("__x86_64__", "__linux__", "__GNUC__")) {
      directives.macros.put(
          name, List.of(new Token(Token.Kind.NUMBER, "1", new SourcePosition("<predefined>", 1, 1))));
    }
    return directives;
  }

  /** The same, for a C header: any symbol may appear. */
  static Directives forHeader() {
    var directives = new Directives(false);
    directives.macros.putAll(forEdl().macros);
    return directives;
  }

  /** No macros; every symbol is let through. */
  static Directives none() {
    return new Directives(false);
  }

  /** Whether symbols that EDL does not know are errors. */
  boolean strict() {
    return strict;
  }

  /** Whether the lines here count. */
  boolean visible() {
    return conditions.isEmpty() || conditions.peek().now();
  }

  /** The token, or what a macro of its name stands for. */
  List<Token> expand(Token token) {
    return expand(token, Set.of());
  }

  private List<Token> expand(Token token, Set<String> open) {
    List<Token> body = token.kind() == Token.Kind.WORD ? macros.get(token.text()) : null;
    if (body == null || open.contains(token.text())) {
      return List.of(token);
    }
    var inner = new HashSet<>(open);
    inner.add(token.text());
    List<Token> expanded =
        body.stream()
            .map(part -> new Token(part.kind(), part.text(), token.position()))
            .flatMap(part -> expand(part, inner).stream())
            .limit(MOST_TOKENS_OF_A_MACRO + 1L)
            .toList();
    if (expanded.size() > MOST_TOKENS_OF_A_MACRO) {
      throw new MalformedEdlException(
          token.position(), "macro " + token.text(), "at most " + MOST_TOKENS_OF_A_MACRO + " tokens", "more");
    }
    return expanded;
  }

  /**
   * Obeys one directive.
   *
   * @param body without the {@code #}
   */
  void directive(String body, SourcePosition position) {
    int end = 0;
    while (end < body.length() && Character.isLetter(body.charAt(end))) {
      end++;
    }
    String name = body.substring(0, end);
    String rest = body.substring(end).strip();
    switch (name) {
      case "if" -> open(visible() && truth(rest, position), position);
      case "ifdef" -> open(macros.containsKey(rest), position);
      case "ifndef" -> open(!macros.containsKey(rest), position);
      case "elif" -> branch(innermost("#elif", position), rest, position);
      case "else" -> {
        Condition condition = innermost("#else", position);
        conditions.pop();
        conditions.push(
            new Condition(
                condition.outer(), condition.outer() && !condition.taken(), true, true, condition.position()));
      }
      case "endif" -> {
        innermost("#endif", position);
        conditions.pop();
      }
      default -> {
        if (visible()) {
          statement(name, rest, position);
        }
      }
    }
  }

  private void statement(String name, String rest, SourcePosition position) {
    switch (name) {
      case "define" -> define(rest, position);
      case "undef" -> macros.remove(rest);
      case "", "pragma", "line" -> {}
      case "include" -> {
        if (strict) {
          throw new MalformedEdlException(
              position, "#include", "include \"header.h\" without '#', inside the enclave block", "#include " + rest);
        }
      }
      case "error" -> {
        if (strict) {
          throw new MalformedEdlException(position, "#error", "not to get here", rest);
        }
      }
      default -> {
        if (strict) {
          throw new MalformedEdlException(
              position, "directive", "#define, #undef, #if, #ifdef, #ifndef, #elif, #else or #endif", "#" + name);
        }
      }
    }
  }

  private void define(String rest, SourcePosition position) {
    int end = 0;
    while (end < rest.length() && (Character.isLetterOrDigit(rest.charAt(end)) || rest.charAt(end) == '_')) {
      end++;
    }
    if (end == 0) {
      throw new MalformedEdlException(position, "#define", "a name", "'" + rest + "'");
    }
    if (end < rest.length() && rest.charAt(end) == '(') {
      if (strict) {
        throw new MalformedEdlException(position, "#define", "a macro without parameters", "'" + rest + "'");
      }
      return;
    }
    macros.put(rest.substring(0, end), EdlLexer.plain(position, rest.substring(end)));
  }

  private boolean truth(String expression, SourcePosition position) {
    return ConditionExpression.isTrue(EdlLexer.plain(position, expression), macros, position);
  }

  private void open(boolean now, SourcePosition position) {
    boolean outer = visible();
    conditions.push(new Condition(outer, outer && now, now, false, position));
  }

  private void branch(Condition condition, String rest, SourcePosition position) {
    boolean now = condition.outer() && !condition.taken() && truth(rest, position);
    conditions.pop();
    conditions.push(new Condition(condition.outer(), now, condition.taken() || now, false, condition.position()));
  }

  private Condition innermost(String directive, SourcePosition position) {
    Condition condition = conditions.peek();
    if (condition == null) {
      throw new MalformedEdlException(position, directive, "an open #if", "none");
    }
    if (condition.sawElse() && !directive.equals("#endif")) {
      throw new MalformedEdlException(position, directive, "#endif after #else", directive);
    }
    return condition;
  }

  /** Checks that every condition was closed. */
  void end(SourcePosition position) {
    Condition open = conditions.peek();
    if (open != null) {
      throw new MalformedEdlException(
          open.position(), "#if", "an #endif", "the end of the file at line " + position.line());
    }
  }
}
