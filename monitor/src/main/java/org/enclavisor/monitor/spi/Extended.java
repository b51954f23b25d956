package org.enclavisor.monitor.spi;

/** Where the extended state (x87, SSE, AVX…) comes from when enclave code starts to run. */
public enum Extended {
  /** Whatever the last entry on this logical processor left behind, or the initial state. The fast way. */
  KEEP,
  /** From {@link LogicalProcessor#extendedState()}. */
  LOAD
}
