package org.enclavisor.monitor.state;

/** Bytes that are no state of an enclave. It names the first thing that was wrong. */
public final class MalformedStateException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final Section section;
  private final long offset;
  private final String expected;
  private final String found;

  /**
   * @param section in which section
   * @param field which field of it
   * @param offset of the field from the stream's beginning, in bytes
   * @param expected what would have been right
   * @param found what is there
   */
  public MalformedStateException(Section section, String field, long offset, String expected, String found) {
    super("%s.%s at offset %d: expected %s, found %s".formatted(section, field, offset, expected, found));
    this.section = section;
    this.offset = offset;
    this.expected = expected;
    this.found = found;
  }

  public Section section() {
    return section;
  }

  /** From the stream's beginning, in bytes. */
  public long offset() {
    return offset;
  }

  public String expected() {
    return expected;
  }

  public String found() {
    return found;
  }
}
