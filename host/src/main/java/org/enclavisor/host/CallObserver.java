package org.enclavisor.host;

import org.enclavisor.monitor.EnclaveId;

/**
 * Told of ECALLs and OCALLs as they begin and end; given to {@link HostConfig#withObserver}. Without one, a call costs
 * a comparison more.
 *
 * <p>Called by the thread that makes the call, from many at once. What is called has to be quick and must not throw.
 * Calls are nested: an OCALL ends before the ECALL that made it, an ECALL before the OCALL from within which it came.
 */
@FunctionalInterface
public interface CallObserver {

  /** Which way. */
  enum Direction {
    /** Into the enclave. */
    ECALL,
    /** Out of it, to the host, and back. */
    OCALL
  }

  /**
   * A call begins: its arguments are not marshalled yet.
   *
   * @param tcs linear address of the thread control structure that serves it
   * @param index number of the function in the EDL
   * @param name of the function in C
   * @return is told of the end
   */
  UnderWay begins(EnclaveId enclave, long tcs, Direction direction, int index, String name);

  /** A call that has not ended. */
  @FunctionalInterface
  interface UnderWay {
    /** What {@link #ended} is told of an ECALL whose enclave was lost, or whose arguments did not fit. */
    int NOT_RETURNED = -1;

    /**
     * It has.
     *
     * @param status {@code sgx_status_t}: of an ECALL what the enclave answered, of an OCALL what it is answered; else
     *     {@link #NOT_RETURNED}
     */
    void ended(int status);
  }
}
