package org.enclavisor.monitor.paging;

/** An evicted page did not come back as it went. What the enclave had in it is lost, and so is the enclave. */
public final class LostPageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public LostPageException(String message) {
    super(message);
  }
}
