package org.enclavisor.host.sdk;

/** Where OCALLs go. Called by the thread that made the ECALL. */
@FunctionalInterface
public interface OcallGate {

  /**
   * Serves one OCALL.
   *
   * @param index number of the function
   * @param ms address of its structure, as the enclave gave it; 0 if it has none
   * @return {@code sgx_status_t} for the enclave
   */
  int ocall(int index, long ms, TcsSlot slot);
}
