package org.enclavisor.monitor;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The monitor's enclaves by instance. Looking up takes no lock and allocates nothing. Thread-safe. */
final class EnclaveTable {
  private record Snapshot(long[] instances, Enclave[] enclaves) {}

  private volatile Snapshot snapshot = new Snapshot(new long[0], new Enclave[0]);

  /** The instance, in whatever generation and state. */
  @Nullable Enclave get(long instance) {
    Snapshot now = snapshot;
    int index = Arrays.binarySearch(now.instances, instance);
    return index < 0 ? null : now.enclaves[index];
  }

  Enclave[] all() {
    return snapshot.enclaves;
  }

  synchronized void add(Enclave enclave) {
    Snapshot now = snapshot;
    int size = now.instances.length;
    int at = -Arrays.binarySearch(now.instances, enclave.id().instance()) - 1;
    long[] instances = Arrays.copyOf(now.instances, size + 1);
    Enclave[] enclaves = Arrays.copyOf(now.enclaves, size + 1);
    System.arraycopy(now.instances, at, instances, at + 1, size - at);
    System.arraycopy(now.enclaves, at, enclaves, at + 1, size - at);
    instances[at] = enclave.id().instance();
    enclaves[at] = enclave;
    snapshot = new Snapshot(instances, enclaves);
  }

  /** Returns whether it was there. */
  synchronized boolean remove(Enclave enclave) {
    Snapshot now = snapshot;
    int at = Arrays.binarySearch(now.instances, enclave.id().instance());
    if (at < 0 || now.enclaves[at] != enclave) {
      return false;
    }
    int size = now.instances.length;
    long[] instances = Arrays.copyOf(now.instances, size - 1);
    Enclave[] enclaves = Arrays.copyOf(now.enclaves, size - 1);
    System.arraycopy(now.instances, at + 1, instances, at, size - 1 - at);
    System.arraycopy(now.enclaves, at + 1, enclaves, at, size - 1 - at);
    snapshot = new Snapshot(instances, enclaves);
    return true;
  }
}
