package org.enclavisor.monitor;

/** The life of an enclave. It goes forward only; a stopped enclave that goes on begins a new life. */
public enum EnclaveState {
  /** After ECREATE: pages are added and measured; nobody can enter. */
  CREATING,
  /** After EINIT: the identity is fixed, threads can enter. */
  INITIALISED,
  /** All threads were brought out and nobody can enter. It goes on as another generation, here or elsewhere, or ends. */
  STOPPED,
  /** Removed, or its process died. The end. */
  DESTROYED
}
