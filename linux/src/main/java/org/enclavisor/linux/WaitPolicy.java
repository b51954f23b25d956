package org.enclavisor.linux;

/** How the host's thread and the enclave's wait for each other. */
public enum WaitPolicy {
  /** On two processors, each spinning for about as long as a wake-up costs. Fastest, while both processors are free. */
  SPIN,
  /** On one processor, sleeping at once. */
  SAME_CORE,
  /** {@link #SPIN} while a pair of processors is free and spinning pays, else {@link #SAME_CORE}. */
  AUTO
}
