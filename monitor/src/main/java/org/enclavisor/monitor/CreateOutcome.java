package org.enclavisor.monitor;

/** How {@link SgxDevice#create} ended. */
public sealed interface CreateOutcome {

  /**
   * ECREATE worked.
   *
   * @param base the linear address of the first byte of the ELRANGE
   */
  record Created(EnclaveId id, long base) implements CreateOutcome {}

  /** There is no enclave. The outcome is never {@link Outcome.Ok}. */
  record Refused(Outcome outcome) implements CreateOutcome {}
}
