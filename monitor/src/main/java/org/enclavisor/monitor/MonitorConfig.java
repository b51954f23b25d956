package org.enclavisor.monitor;

import java.security.SecureRandom;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.Key128;
import org.enclavisor.isa.MiscSelect;
import org.jspecify.annotations.Nullable;

/**
 * What the processor that the monitor plays is like, and what its hosts may do.
 *
 * @param launchKeyHash IA32_SGXLEPUBKEYHASH. Empty: it is set to the signer before each EINIT, as Linux does
 * @param provisioning whether hosts were granted PROVISIONKEY (Linux: access to /dev/sgx_provision)
 * @param launching whether hosts were granted EINITTOKENKEY, which Linux gives to none
 * @param attributes the flags that ECREATE accepts (CPUID.12H.1, EAX and EBX)
 * @param miscselect the bits of MISCSELECT that ECREATE accepts (CPUID.12H.0, EBX)
 * @param features the parts of the architecture that are there
 * @param maxEnclaveBits ECREATE refuses a SIZE of 2 to this power or more (CPUID.12H.0, EDX[15:8])
 * @param cpuSvn CR_CPUSVN
 * @param ownerEpoch IA32_SGXOWNEREPOCH: who changes it loses the keys that depend on it
 * @param random where secret numbers come from
 * @param events told of all that happens, or null: costs nothing then
 * @param epc how large the EPC is; empty: without a limit, and then nothing is ever evicted
 * @param root what all keys derive from. Empty: drawn when the monitor starts, so that none outlives it. Whoever
 *     restores an enclave elsewhere and wants it to have the keys that it had, starts both monitors with the same
 */
public record MonitorConfig(
    Optional<Digest32> launchKeyHash,
    boolean provisioning,
    boolean launching,
    long attributes,
    MiscSelect miscselect,
    Set<SgxFeature> features,
    int maxEnclaveBits,
    CpuSvn cpuSvn,
    Id16 ownerEpoch,
    RandomGenerator random,
    @Nullable Consumer<MonitorEvent> events,
    Optional<EpcLimit> epc,
    Optional<Key128> root) {

  /** The attribute flags that this monitor can honour. INIT is not among them: ECREATE refuses it. */
  public static final long SUPPORTED_ATTRIBUTES =
      Attributes.DEBUG | Attributes.MODE64BIT | Attributes.PROVISIONKEY | Attributes.EINITTOKENKEY | Attributes.KSS
          | Attributes.AEXNOTIFY;

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
    features = Set.copyOf(features);
  }

  /** A processor with all that the monitor can do, any signer, neither PROVISIONKEY nor EINITTOKENKEY. */
  public static MonitorConfig defaults() {
    return new MonitorConfig(
        Optional.empty(),
        false,
        false,
        SUPPORTED_ATTRIBUTES,
        new MiscSelect(1),
        EnumSet.allOf(SgxFeature.class),
        41,
        CpuSvn.of(new byte[16]),
        Id16.ZERO,
        new SecureRandom(),
        null,
        Optional.empty(),
        Optional.empty());
  }

  /** The same, telling a consumer what happens. */
  public MonitorConfig withEvents(Consumer<MonitorEvent> consumer) {
    return new MonitorConfig(
        launchKeyHash, provisioning, launching, attributes, miscselect, features, maxEnclaveBits, cpuSvn, ownerEpoch,
        random, consumer, epc, root);
  }

  /** The same, with hosts granted PROVISIONKEY or not. */
  public MonitorConfig withProvisioning(boolean granted) {
    return new MonitorConfig(
        launchKeyHash, granted, launching, attributes, miscselect, features, maxEnclaveBits, cpuSvn, ownerEpoch,
        random, events, epc, root);
  }

  /** The same, with hosts granted EINITTOKENKEY or not. */
  public MonitorConfig withLaunching(boolean granted) {
    return new MonitorConfig(
        launchKeyHash, provisioning, granted, attributes, miscselect, features, maxEnclaveBits, cpuSvn, ownerEpoch,
        random, events, epc, root);
  }

  /** The same, with IA32_SGXLEPUBKEYHASH fixed to a signer. */
  public MonitorConfig withLaunchKeyHash(Digest32 signer) {
    return new MonitorConfig(
        Optional.of(signer), provisioning, launching, attributes, miscselect, features, maxEnclaveBits, cpuSvn,
        ownerEpoch, random, events, epc, root);
  }

  /** The same, of a processor with these features and no others. */
  public MonitorConfig withFeatures(Set<SgxFeature> there) {
    return new MonitorConfig(
        launchKeyHash, provisioning, launching, attributes, miscselect, there, maxEnclaveBits, cpuSvn, ownerEpoch,
        random, events, epc, root);
  }

  /** The same, with an EPC of so many pages. */
  public MonitorConfig withEpc(EpcLimit limit) {
    return new MonitorConfig(
        launchKeyHash, provisioning, launching, attributes, miscselect, features, maxEnclaveBits, cpuSvn, ownerEpoch,
        random, events, Optional.of(limit), root);
  }

  /** The same, with all keys derived from a root that is known. It is not copied: it has to live as long as this. */
  public MonitorConfig withRoot(Key128 shared) {
    return new MonitorConfig(
        launchKeyHash, provisioning, launching, attributes, miscselect, features, maxEnclaveBits, cpuSvn, ownerEpoch,
        random, events, epc, Optional.of(shared));
  }
}
