package org.enclavisor.app;

/** A command that ends with one cause, one next step and an exit status. */
final class Failure extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final int exitCode;
  private final String next;

  /**
   * @param exitCode one of {@link ExitCode}
   * @param cause one sentence: what went wrong
   * @param next one sentence: what to do, or empty
   */
  Failure(int exitCode, String cause, String next) {
    super(cause);
    this.exitCode = exitCode;
    this.next = next;
  }

  int exitCode() {
    return exitCode;
  }

  String next() {
    return next;
  }
}
