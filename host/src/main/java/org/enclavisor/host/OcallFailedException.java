package org.enclavisor.host;

/**
 * A Java method that serves an OCALL threw something while the ECALL was under way: the cause. The enclave was told
 * {@link SgxStatus#SGX_ERROR_UNEXPECTED} as the outcome of that OCALL, and went on until its ECALL ended; what it
 * returned is dropped, because it was computed without the OCALL.
 */
public final class OcallFailedException extends HostException {
  private static final long serialVersionUID = 1;

  private final String ocall;

  OcallFailedException(String ecall, String ocall, int status, Throwable cause) {
    super(
        "OCALL " + ocall + " failed during ECALL " + ecall + ": " + cause + "; the ECALL ended with "
            + SgxStatus.describe(status),
        cause);
    this.ocall = ocall;
  }

  /** The function that failed. */
  public String ocall() {
    return ocall;
  }
}
