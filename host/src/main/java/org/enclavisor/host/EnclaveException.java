package org.enclavisor.host;

/** An ECALL ended with a status other than success. */
public final class EnclaveException extends HostException {
  private static final long serialVersionUID = 1;

  private final String ecall;
  private final int status;

  EnclaveException(String ecall, int status) {
    this(ecall, status, "");
  }

  EnclaveException(String ecall, int status, String after) {
    super("ECALL " + ecall + " ended with " + SgxStatus.describe(status) + after, null);
    this.ecall = ecall;
    this.status = status;
  }

  /** The function that was called. */
  public String ecall() {
    return ecall;
  }

  /** The {@code sgx_status_t}. */
  public int status() {
    return status;
  }
}
