package org.enclavisor.image;

/**
 * An enclave image, a signing configuration or a key that is not what it should be. It names the field, where the
 * field is, what was expected there and what was found; nothing was allocated or changed on its account.
 */
public final class MalformedImageException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final String what;
  private final long offset;
  private final String expected;
  private final String found;

  /**
   * @param what the field, for example {@code "ELF program header 2: p_filesz"}
   * @param offset its offset in the file in bytes, or −1 where an offset means nothing
   * @param expected what had to be there, in words
   * @param found what was there
   */
  public MalformedImageException(String what, long offset, String expected, String found) {
    super(what + (offset < 0 ? "" : " at offset 0x" + Long.toHexString(offset))
        + ": expected " + expected + ", found " + found);
    this.what = what;
    this.offset = offset;
    this.expected = expected;
    this.found = found;
  }

  /** The field. */
  public String what() {
    return what;
  }

  /** The field's offset in the file in bytes, or −1. */
  public long offset() {
    return offset;
  }

  /** What had to be there. */
  public String expected() {
    return expected;
  }

  /** What was there. */
  public String found() {
    return found;
  }
}
