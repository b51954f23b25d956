package org.enclavisor.monitor;

/** How {@link Checkpoints#restore} ended. */
public sealed interface RestoreOutcome {

  /**
   * The enclave can be entered.
   *
   * @param id its new generation
   * @param base the linear address of the first byte of the ELRANGE, the same as ever
   */
  record Restored(EnclaveId id, long base) implements RestoreOutcome {}

  /**
   * The stream may be all right, but not for this monitor now.
   *
   * @param reason for a person
   */
  record Refused(String reason) implements RestoreOutcome {}
}
