package org.enclavisor.app;

import java.util.Map;

/** A command that ends with one cause, one next step and an exit status. */
final class Failure extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final int exitCode;
  private final String next;

  /** What was known before it failed; only for {@code --json}. */
  private final transient Map<String, Object> found;

  /**
   * @param exitCode one of {@link ExitCode}
   * @param cause one sentence: what went wrong
   * @param next one sentence: what to do, or empty
   */
  Failure(int exitCode, String cause, String next) {
    this(exitCode, cause, next, Map.of());
  }

  private Failure(int exitCode, String cause, String next, Map<String, Object> found) {
    super(cause);
    this.exitCode = exitCode;
    this.next = next;
    this.found = found;
  }

  /** The same, with what the command had to say before it failed. */
  Failure after(Map<String, Object> tree) {
    return new Failure(exitCode, getMessage(), next, tree);
  }

  /** The same with another next step. */
  Failure then(String step) {
    return new Failure(exitCode, getMessage(), step, found);
  }

  int exitCode() {
    return exitCode;
  }

  String next() {
    return next;
  }

  Map<String, Object> found() {
    return found;
  }
}
