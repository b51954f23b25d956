package org.enclavisor.app;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * One run of the command in this JVM, and what it printed. Standard output and error are the JVM's: one run at a time.
 *
 * @param status its exit status
 */
record CommandLineRun(int status, String out, String err) {

  static CommandLineRun of(List<String> arguments) {
    return of(arguments.toArray(String[]::new));
  }

  static synchronized CommandLineRun of(String... arguments) {
    PrintStream out = System.out;
    PrintStream err = System.err;
    var outBytes = new ByteArrayOutputStream();
    var errBytes = new ByteArrayOutputStream();
    try (var outStream = new PrintStream(outBytes, true, StandardCharsets.UTF_8);
        var errStream = new PrintStream(errBytes, true, StandardCharsets.UTF_8)) {
      System.setOut(outStream);
      System.setErr(errStream);
      int status = Main.run(arguments);
      return new CommandLineRun(
          status, outBytes.toString(StandardCharsets.UTF_8), errBytes.toString(StandardCharsets.UTF_8));
    } finally {
      System.setOut(out);
      System.setErr(err);
    }
  }

  /** Standard output as the one JSON value that it has to be. */
  JsonNode json() {
    return JsonMapper.shared().readTree(out);
  }

  @Override
  public String toString() {
    return "status " + status + "\n--- out\n" + out + "\n--- err\n" + err;
  }
}
