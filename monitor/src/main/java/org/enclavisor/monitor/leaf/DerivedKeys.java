package org.enclavisor.monitor.leaf;

import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.Key128;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.Targetinfo;

/**
 * The keys that EGETKEY gives, and that EREPORT and EINIT use. A seam: whoever gives the monitor real roots replaces
 * it. Thread-safe; the caller destroys the keys.
 */
@FunctionalInterface
public interface DerivedKeys {

  /** The manual's derivekey: which secrets of the processor it takes is for the key's name and the flags to say. */
  Key128 derive(KeyDependencies dependencies);

  /** REPORT_KEY of the enclave that a report is for (SDM 3D, EREPORT). */
  default Key128 reportKey(Targetinfo target, KeyId keyId, CpuSvn cpuSvn) {
    return derive(KeyDependencies.report(target, keyId, cpuSvn));
  }

  /**
   * EINITTOKEN_KEY with which a token was made (SDM 3D, EINIT).
   *
   * @param launchKeyHash IA32_SGXLEPUBKEYHASH
   */
  default Key128 launchKey(Einittoken token, Digest32 launchKeyHash) {
    return derive(KeyDependencies.launch(token, launchKeyHash));
  }
}
