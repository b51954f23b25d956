package org.enclavisor.app;

import java.io.PrintStream;
import java.util.Map;
import picocli.CommandLine.Option;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Where a command prints: lines for people, or one JSON value. Mixed into every command; used by one thread. */
final class Output {
  @Option(names = "--json", description = "Print one JSON value instead of text.")
  boolean json;

  private final PrintStream out = System.out;

  /** One line for people; nothing in JSON mode. */
  void line(String format, Object... arguments) {
    if (!json) {
      out.println(arguments.length == 0 ? format : format.formatted(arguments));
    }
  }

  /** The one JSON value of a command; nothing in text mode. */
  void value(Map<String, ?> tree) {
    if (json) {
      out.println(toJson(tree));
    }
  }

  static String toJson(Map<String, ?> tree) {
    return JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build().writeValueAsString(tree);
  }
}
