package org.enclavisor.monitor;

import java.security.SecureRandom;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.MiscSelect;
import org.jspecify.annotations.Nullable;

/**
 * What the processor that the monitor plays is like, and what its hosts may do.
 *
 * @param launchKeyHash IA32_SGXLEPUBKEYHASH. Empty: it is set to the signer before each EINIT, as Linux does
 * @param provisioning whether hosts were granted PROVISIONKEY (Linux: access to /dev/sgx_provision)
 * @param attributes the flags that ECREATE accepts (CPUID.12H.1, EAX and EBX)
 * @param miscselect the bits of MISCSELECT that ECREATE accepts (CPUID.12H.0, EBX)
 * @param maxEnclaveBits ECREATE refuses a SIZE of 2 to this power or more (CPUID.12H.0, EDX[15:8])
 * @param cpuSvn CR_CPUSVN
 * @param random where secret numbers come from
 * @param events told of all that happens, or null: costs nothing then
 */
public record MonitorConfig(
    Optional<Digest32> launchKeyHash,
    boolean provisioning,
    long attributes,
    MiscSelect miscselect,
    int maxEnclaveBits,
    CpuSvn cpuSvn,
    RandomGenerator random,
    @Nullable Consumer<MonitorEvent> events) {

  /** The attribute flags that this monitor can honour. INIT is not among them: ECREATE refuses it. */
  public static final long SUPPORTED_ATTRIBUTES =
      Attributes.DEBUG | Attributes.MODE64BIT | Attributes.PROVISIONKEY | Attributes.EINITTOKENKEY | Attributes.KSS;

  public MonitorConfig {
    if ((attributes & ~SUPPORTED_ATTRIBUTES) != 0) {
      throw new IllegalArgumentException(
          "attributes=0x%x: expected a subset of 0x%x".formatted(attributes, SUPPORTED_ATTRIBUTES));
    }
    if ((miscselect.bits() & ~1) != 0) {
      throw new IllegalArgumentException("miscselect=" + miscselect + ": expected EXINFO at the most");
    }
    if (maxEnclaveBits < 14 || maxEnclaveBits > 47) {
      throw new IllegalArgumentException("maxEnclaveBits=" + maxEnclaveBits + ": expected 14 to 47");
    }
  }

  /** A processor with all that the monitor can do, any signer, no PROVISIONKEY. */
  public static MonitorConfig defaults() {
    return new MonitorConfig(
        Optional.empty(),
        false,
        SUPPORTED_ATTRIBUTES,
        new MiscSelect(1),
        41,
        CpuSvn.of(new byte[16]),
        new SecureRandom(),
        null);
  }

  /** The same, telling a consumer what happens. */
  public MonitorConfig withEvents(Consumer<MonitorEvent> consumer) {
    return new MonitorConfig(
        launchKeyHash, provisioning, attributes, miscselect, maxEnclaveBits, cpuSvn, random, consumer);
  }

  /** The same, with hosts granted PROVISIONKEY or not. */
  public MonitorConfig withProvisioning(boolean granted) {
    return new MonitorConfig(
        launchKeyHash, granted, attributes, miscselect, maxEnclaveBits, cpuSvn, random, events);
  }

  /** The same, with IA32_SGXLEPUBKEYHASH fixed to a signer. */
  public MonitorConfig withLaunchKeyHash(Digest32 signer) {
    return new MonitorConfig(
        Optional.of(signer), provisioning, attributes, miscselect, maxEnclaveBits, cpuSvn, random, events);
  }
}
