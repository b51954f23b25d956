package org.enclavisor.host;

/** The program uses the enclave wrongly: no such ECALL, wrong arguments, already closed. Nothing was called. */
public final class WrongUseException extends HostException {
  private static final long serialVersionUID = 1;

  public WrongUseException(String message) {
    super(message, null);
  }
}
