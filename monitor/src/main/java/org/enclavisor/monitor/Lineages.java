package org.enclavisor.monitor;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;
import org.enclavisor.isa.Id16;
import org.enclavisor.monitor.state.EnclaveManifest.Instance;
import org.jspecify.annotations.Nullable;

/**
 * Which enclaves of this monitor were ever stopped or restored, and how far their generations have come. It is what
 * keeps one state from living twice here; across monitors, whoever carries streams about has to. Thread-safe.
 */
final class Lineages {
  /**
   * The last life of an enclave.
   *
   * @param name the same in every life and on every machine
   * @param number of the instance here
   * @param eid SECS.EID here
   */
  record Lineage(Id16 name, long number, int generation, long eid) {}

  private final RandomGenerator random;
  private final AtomicLong nextInstance;
  private final AtomicLong nextEid;
  private final Map<Id16, Lineage> byName = new HashMap<>();
  private final Map<Long, Id16> names = new HashMap<>();

  Lineages(RandomGenerator random, AtomicLong nextInstance, AtomicLong nextEid) {
    this.random = random;
    this.nextInstance = nextInstance;
    this.nextEid = nextEid;
  }

  /** The name of an enclave that lives here, drawn when it is first asked for. */
  synchronized Id16 name(EnclaveId id, long eid) {
    Id16 name = names.get(id.instance());
    if (name == null) {
      byte[] bytes = new byte[Id16.BYTES];
      random.nextBytes(bytes);
      name = Id16.of(bytes);
      keep(new Lineage(name, id.instance(), id.generation(), eid));
    }
    return name;
  }

  /** A stopped enclave goes on in place: from now on, older states of it are. */
  synchronized EnclaveId next(EnclaveId id, long eid) {
    EnclaveId next = new EnclaveId(id.instance(), Math.addExact(id.generation(), 1));
    keep(new Lineage(name(id, eid), id.instance(), next.generation(), eid));
    return next;
  }

  private void keep(Lineage lineage) {
    byName.put(lineage.name, lineage);
    names.put(lineage.number, lineage.name);
  }

  /** Why a state must not come to life here; null if it may. */
  synchronized @Nullable String refusal(Instance instance, EnclaveTable enclaves) {
    Lineage known = byName.get(instance.name());
    if (known == null) {
      return null;
    }
    if (known.generation > instance.generation()) {
      return "generation %d of instance %d was here already: expected a state of that one or later, found one of %d"
          .formatted(known.generation, known.number, instance.generation());
    }
    return enclaves.get(known.number) == null
        ? null
        : "instance %d is still here: expected it to be removed before its state comes to life again"
            .formatted(known.number);
  }

  /** What the next life of a state would be here. Its instance number and EID are its own or nobody's. */
  synchronized Lineage plan(Instance instance) {
    Lineage known = byName.get(instance.name());
    int generation = instance.generation() + 1;
    if (known != null) {
      return new Lineage(known.name, known.number, generation, known.eid);
    }
    long number = nextInstance.getAndUpdate(next -> Math.max(next, instance.number()) + 1);
    return new Lineage(instance.name(), Math.max(number, instance.number()), generation, nextEid.getAndIncrement());
  }

  /** Begins a planned life, unless another has begun meanwhile: then the reason. */
  synchronized @Nullable String begin(Instance instance, Lineage planned, Enclave enclave, EnclaveTable enclaves) {
    String refusal = refusal(instance, enclaves);
    if (refusal == null) {
      keep(planned);
      enclaves.add(enclave);
    }
    return refusal;
  }
}
