package org.enclavisor.host;

import org.jspecify.annotations.Nullable;

/** An enclave could not be loaded. Nothing of it is left. */
public final class LoadException extends HostException {
  private static final long serialVersionUID = 1;

  private final String what;
  private final String expected;
  private final String found;
  private final String nextStep;

  LoadException(String what, String expected, String found, String nextStep, @Nullable Throwable cause) {
    super(what + ": expected " + expected + ", found " + found + ". Next: " + nextStep, cause);
    this.what = what;
    this.expected = expected;
    this.found = found;
    this.nextStep = nextStep;
  }

  /** Which step was refused. */
  public String what() {
    return what;
  }

  /** What would have been right. */
  public String expected() {
    return expected;
  }

  /** What is. */
  public String found() {
    return found;
  }

  /** What to do now. */
  public String nextStep() {
    return nextStep;
  }
}
