package org.enclavisor.monitor;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The one place that every EENTER and ERESUME passes, after the architecture's own checks and before anything of the
 * enclave is touched. It runs with the TCS locked, so that whoever ends an enclave's life sees everybody who got
 * through. On the hot path: quick, without allocation unless it refuses, and from many threads at once.
 */
@FunctionalInterface
public interface EntryGate {

  /**
   * Whether a thread may enter.
   *
   * @param presented what the host asked for
   * @param current what the enclave is
   * @param state where in its life the enclave is
   * @return null to let it in, else why not
   */
  @Nullable String refusal(EnclaveId presented, EnclaveId current, EnclaveState state);

  /** Lets into an initialised enclave whoever presents its instance and its current generation. */
  EntryGate LOCAL =
      (presented, current, state) -> {
        if (state != EnclaveState.INITIALISED) {
          return "the enclave is " + state.name().toLowerCase(Locale.ROOT);
        }
        if (presented.instance() != current.instance() || presented.generation() != current.generation()) {
          return "the enclave is " + current + ", asked for was " + presented;
        }
        return null;
      };

  /** This gate, and then another. */
  default EntryGate and(EntryGate other) {
    return (presented, current, state) -> {
      String refusal = refusal(presented, current, state);
      return refusal != null ? refusal : other.refusal(presented, current, state);
    };
  }
}
