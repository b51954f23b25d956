package org.enclavisor.monitor;

/** The life of an enclave. It goes forward only. */
public enum EnclaveState {
  /** After ECREATE: pages are added and measured; nobody can enter. */
  CREATING,
  /** After EINIT: the identity is fixed, threads can enter. */
  INITIALISED,
  /** Removed, or its process died. The end. */
  DESTROYED
}
