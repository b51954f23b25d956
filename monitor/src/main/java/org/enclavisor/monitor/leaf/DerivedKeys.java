package org.enclavisor.monitor.leaf;

import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.Key128;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.Targetinfo;

/**
 * The keys that EREPORT and EINIT derive. A seam: whoever gives the monitor real roots replaces it. Thread-safe; the
 * caller destroys the keys.
 */
public interface DerivedKeys {

  /** REPORT_KEY of the enclave that a report is for (SDM 3D, EREPORT). */
  Key128 reportKey(Targetinfo target, KeyId keyId, CpuSvn cpuSvn);

  /**
   * EINITTOKEN_KEY with which a token was made (SDM 3D, EINIT).
   *
   * @param launchKeyHash IA32_SGXLEPUBKEYHASH
   */
  Key128 launchKey(Einittoken token, Digest32 launchKeyHash);
}
