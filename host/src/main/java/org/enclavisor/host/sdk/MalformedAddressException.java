package org.enclavisor.host.sdk;

/** The enclave handed out an address or length that is not in the memory it shares with the host. */
public final class MalformedAddressException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final String what;
  private final long address;

  /**
   * One address.
   *
   * @param what which parameter
   * @param address as handed out
   */
  public MalformedAddressException(String what, long address, String expected, String found) {
    super(what + ": expected " + expected + ", found " + found);
    this.what = what;
    this.address = address;
  }

  /** Which parameter. */
  public String what() {
    return what;
  }

  /** As handed out. */
  public long address() {
    return address;
  }
}
