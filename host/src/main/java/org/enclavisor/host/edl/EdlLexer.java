package org.enclavisor.host.edl;

import java.util.ArrayList;
import java.util.List;

/**
 * Turns text into tokens, leaving out comments. Lines that begin with {@code #} go to {@link Directives}, which also
 * replaces macros and hides what conditions exclude: EDL files pass the C preprocessor before Intel's tool reads them.
 *
 * <p>Confined to one thread.
 */
final class EdlLexer {
  private final String file;
  private final String text;
  private final Directives directives;
  private final List<Token> tokens = new ArrayList<>();
  private int at;
  private int line = 1;
  private int lineStart;
  private boolean lineIsBlank = true;

  private EdlLexer(String file, String text, Directives directives) {
    this.file = file;
    this.text = text;
    this.directives = directives;
  }

  /** The tokens of a file, the last one of kind {@link Token.Kind#END}. */
  static List<Token> tokens(String file, String text, Directives directives) {
    var lexer = new EdlLexer(file, text, directives);
    lexer.readAll();
    directives.end(lexer.position());
    lexer.tokens.add(new Token(Token.Kind.END, "", lexer.position()));
    return lexer.tokens;
  }

  /** The tokens of a piece of one line, without looking at directives; used for a macro's body. */
  static List<Token> plain(SourcePosition start, String text) {
    var lexer = new EdlLexer(start.file(), text, Directives.none());
    lexer.line = start.line();
    lexer.lineStart = 1 - start.column();
    lexer.lineIsBlank = false;
    lexer.readAll();
    return lexer.tokens;
  }

  private SourcePosition position() {
    return new SourcePosition(file, line, at - lineStart + 1);
  }

  private void readAll() {
    while (at < text.length()) {
      char c = text.charAt(at);
      if (c == '\n') {
        at++;
        newLine();
        lineIsBlank = true;
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
        at++;
      } else if (text.startsWith("//", at)) {
        skipLine();
      } else if (text.startsWith("/*", at)) {
        skipComment();
      } else if (c == '#' && lineIsBlank) {
        directive();
      } else {
        lineIsBlank = false;
        SourcePosition start = position();
        Token token = token(c, start);
        if (directives.visible()) {
          tokens.addAll(directives.expand(token));
        }
      }
    }
  }

  private void newLine() {
    line++;
    lineStart = at;
  }

  private void skipLine() {
    while (at < text.length() && text.charAt(at) != '\n') {
      at++;
    }
  }

  private void skipComment() {
    SourcePosition start = position();
    at += 2;
    while (!text.startsWith("*/", at)) {
      if (at >= text.length()) {
        throw new MalformedEdlException(start, "comment", "'*/'", "the end of the file");
      }
      if (text.charAt(at++) == '\n') {
        newLine();
      }
    }
    at += 2;
  }

  /** A directive reaches to the end of its line, which a backslash prolongs; comments in it are left out. */
  private void directive() {
    SourcePosition start = position();
    at++;
    var body = new StringBuilder();
    while (at < text.length() && text.charAt(at) != '\n') {
      if (text.startsWith("\\\n", at) || text.startsWith("\\\r\n", at)) {
        at = text.indexOf('\n', at) + 1;
        newLine();
        body.append(' ');
      } else if (text.startsWith("/*", at)) {
        skipComment();
        body.append(' ');
      } else if (text.startsWith("//", at)) {
        skipLine();
      } else {
        body.append(text.charAt(at++));
      }
    }
    directives.directive(body.toString().strip(), start);
  }

  private Token token(char c, SourcePosition start) {
    int from = at;
    if (isWordStart(c)) {
      while (at < text.length() && (isWordStart(text.charAt(at)) || isDigit(text.charAt(at)))) {
        at++;
      }
      return new Token(Token.Kind.WORD, text.substring(from, at), start);
    }
    if (isDigit(c)) {
      while (at < text.length() && isDigit(text.charAt(at))) {
        at++;
      }
      return new Token(Token.Kind.NUMBER, text.substring(from, at), start);
    }
    if (c == '"') {
      int end = text.indexOf('"', at + 1);
      if (end < 0) {
        throw new MalformedEdlException(start, "string", "a closing '\"'", "the end of the file");
      }
      String value = text.substring(at + 1, end);
      at = end + 1;
      if (value.indexOf('\n') >= 0) {
        throw new MalformedEdlException(start, "string", "a closing '\"'", "the end of the line");
      }
      return new Token(Token.Kind.STRING, value, start);
    }
    if ("{}()[]*.,;=".indexOf(c) < 0 && directives.visible() && directives.strict()) {
      throw new MalformedEdlException(start, "text", "a name, number, string or one of {}()[]*.,;=", "'" + c + "'");
    }
    at++;
    return new Token(Token.Kind.SYMBOL, String.valueOf(c), start);
  }

  private static boolean isWordStart(char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }
}
