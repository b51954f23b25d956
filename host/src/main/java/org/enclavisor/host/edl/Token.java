package org.enclavisor.host.edl;

/**
 * A word, number, string or symbol.
 *
 * @param text as written; of a string without its quotes
 */
record Token(Kind kind, String text, SourcePosition position) {
  enum Kind {
    WORD,
    NUMBER,
    STRING,
    SYMBOL,
    END
  }

  boolean is(String symbolOrWord) {
    return (kind == Kind.SYMBOL || kind == Kind.WORD) && text.equals(symbolOrWord);
  }

  /** For an error message. */
  String found() {
    return switch (kind) {
      case END -> "the end of the file";
      case STRING -> '"' + text + '"';
      case WORD, NUMBER, SYMBOL -> "'" + text + "'";
    };
  }
}
