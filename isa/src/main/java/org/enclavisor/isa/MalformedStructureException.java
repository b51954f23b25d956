package org.enclavisor.isa;

/**
 * Bytes that are no such structure: wrong size, or a reserved bit set, or a constant that differs. It is thrown by the
 * {@code read} of every structure, and says which byte it did not like.
 */
public final class MalformedStructureException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String structure;
  private final String field;
  private final long offset;
  private final String expected;
  private final String found;

  /**
   * @param structure the manual's name, such as {@code SECINFO}
   * @param field the member's name in the structure's {@code LAYOUT}
   * @param offset of the first wrong byte from the structure's start
   * @param expected what the manual demands, in words or hex
   * @param found what is there
   */
  public MalformedStructureException(String structure, String field, long offset, String expected, String found) {
    super("%s.%s at offset %d: expected %s, found %s".formatted(structure, field, offset, expected, found));
    this.structure = structure;
    this.field = field;
    this.offset = offset;
    this.expected = expected;
    this.found = found;
  }

  public String structure() {
    return structure;
  }

  public String field() {
    return field;
  }

  /** Of the first wrong byte, from the structure's start. */
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
