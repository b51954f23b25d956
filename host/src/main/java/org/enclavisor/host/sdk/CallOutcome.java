package org.enclavisor.host.sdk;

/** How an ECALL ended. */
public sealed interface CallOutcome {

  /**
   * The enclave returned.
   *
   * @param status {@code sgx_status_t}
   */
  record Returned(int status) implements CallOutcome {}

  /**
   * The enclave cannot be entered.
   *
   * @param reason for a person
   * @param dead whether it is gone altogether, not only for this thread
   */
  record Lost(String reason, boolean dead) implements CallOutcome {}
}
