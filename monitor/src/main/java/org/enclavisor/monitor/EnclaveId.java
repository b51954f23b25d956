package org.enclavisor.monitor;

/**
 * Which enclave is meant, and which life of it. The monitor never gives the same pair twice.
 *
 * @param instance the enclave's own number, for as long as the monitor runs
 * @param generation 1 at ECREATE; whoever brings an instance to life again (a restore, a migration) raises it, so that
 *     a host that still holds an older one is turned away at the gate
 */
public record EnclaveId(long instance, int generation) {

  public EnclaveId {
    if (instance < 1) {
      throw new IllegalArgumentException("instance=" + instance + ": expected at least 1");
    }
    if (generation < 1) {
      throw new IllegalArgumentException("generation=" + generation + ": expected at least 1");
    }
  }

  // Written out because the look-up on every entry uses them, and must not wait for a call site to be linked.
  @Override
  public int hashCode() {
    return Long.hashCode(instance * 0x9E3779B97F4A7C15L) + generation;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof EnclaveId(long otherInstance, int otherGeneration)
        && otherInstance == instance
        && otherGeneration == generation;
  }

  @Override
  public String toString() {
    return instance + "." + generation;
  }
}
