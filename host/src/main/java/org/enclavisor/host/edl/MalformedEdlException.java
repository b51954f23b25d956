package org.enclavisor.host.edl;

/** An EDL file that cannot be used. The message reads {@code file:line:column: what: expected …, found …}. */
public final class MalformedEdlException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final transient SourcePosition position;
  private final String what;
  private final String expected;
  private final String found;

  /**
   * One fault of one file.
   *
   * @param position where
   * @param what which part of the file
   * @param expected what would have been right
   * @param found what stands there
   */
  public MalformedEdlException(SourcePosition position, String what, String expected, String found) {
    super(position + ": " + what + ": expected " + expected + ", found " + found);
    this.position = position;
    this.what = what;
    this.expected = expected;
    this.found = found;
  }

  /** Where the fault is. */
  public SourcePosition position() {
    return position;
  }

  /** Which part of the file. */
  public String what() {
    return what;
  }

  /** What would have been right. */
  public String expected() {
    return expected;
  }

  /** What stands there. */
  public String found() {
    return found;
  }
}
