package org.enclavisor.app;

/** What the command line's exit status means. Documented in docs/run.md and in {@code enclavisor --help}. */
final class ExitCode {
  /** Everything asked for was done. */
  static final int OK = 0;

  /** It was done, and the answer is no: an ECALL failed, a measurement differs, the machine lacks something. */
  static final int NO = 1;

  /** The command line could not be understood. */
  static final int USAGE = 2;

  /** A file is malformed or missing. */
  static final int BAD_INPUT = 3;

  /** The image is well-formed, but SGX refuses it: signature, measurement, attributes. */
  static final int REFUSED = 4;

  /** This machine cannot do it. */
  static final int MACHINE = 5;

  /** The enclave's process died, or the enclave aborted. */
  static final int LOST = 6;

  /** A defect of Enclavisor. */
  static final int INTERNAL = 70;

  private ExitCode() {}
}
