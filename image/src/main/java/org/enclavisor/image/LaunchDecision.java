package org.enclavisor.image;

import org.enclavisor.isa.Secs;

/** What a loader decides before ECREATE, from what the image wants and what the machine has. */
public sealed interface LaunchDecision {
  /** The SECS to create the enclave with; its base is 0 still, or the one the image demands. */
  record Ready(Secs secs) implements LaunchDecision {}

  /** The image cannot be launched like this. */
  record Refused(String reason) implements LaunchDecision {}
}
