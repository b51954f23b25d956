package org.enclavisor.conformance.rules;

import org.enclavisor.conformance.Features;
import org.jspecify.annotations.Nullable;

/** Why a rule cannot be asked of a machine; null if it can. */
final class Needs {
  private Needs() {}

  private static @Nullable String has(Features features, int capability, String name) {
    return features.has(capability) ? null : "the processor has no " + name;
  }

  static @Nullable String rdinfo(Features features) {
    return has(features, Features.OVERSUBSCRIPTION, "ERDINFO");
  }

  static @Nullable String enclv(Features features) {
    return has(features, Features.ENCLV, "ENCLV");
  }

  static @Nullable String sgx2(Features features) {
    return has(features, Features.SGX2, "SGX2");
  }

  static @Nullable String edeccssa(Features features) {
    return has(features, Features.EDECCSSA, "EDECCSSA");
  }

  static @Nullable String sgx2andRdinfo(Features features) {
    return sgx2(features) != null ? sgx2(features) : rdinfo(features);
  }
}
