package org.enclavisor.monitor.leaf;

import java.util.Set;
import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.monitor.SgxFeature;
import org.enclavisor.monitor.epc.XsaveLayout;
import org.jspecify.annotations.Nullable;

/**
 * What the processor that the leaves run on is like. Immutable.
 *
 * @param attributes the flags of CR_SGX_ATTRIBUTES_MASK (CPUID.12H.1, EAX and EBX)
 * @param miscselect what SECS.MISCSELECT may have (CPUID.12H.0, EBX)
 * @param features the parts of the architecture that are there
 * @param maxEnclaveBits SECS.SIZE is less than 2 to this (CPUID.12H.0, EDX[15:8])
 * @param xsave XCR0 and the places of the state components
 * @param cpuSvn CR_CPUSVN
 * @param reportKeyId CR_REPORT_KEYID
 * @param keys what key derivation gives
 */
public record Cpu(
    long attributes,
    MiscSelect miscselect,
    Set<SgxFeature> features,
    int maxEnclaveBits,
    XsaveLayout xsave,
    CpuSvn cpuSvn,
    KeyId reportKeyId,
    DerivedKeys keys) {

  /** Whether a feature is there; nothing is always there. */
  public boolean has(@Nullable SgxFeature feature) {
    return feature == null || features.contains(feature);
  }

  /**
   * Whether a CPUSVN is later than the processor's. The manual compares CPUSVNs as numbers, and numbers have their
   * least significant byte first.
   */
  boolean beyond(CpuSvn other) {
    byte[] theirs = other.bytes();
    byte[] ours = cpuSvn.bytes();
    for (int i = CpuSvn.BYTES - 1; i >= 0; i--) {
      if (theirs[i] != ours[i]) {
        return Byte.toUnsignedInt(theirs[i]) > Byte.toUnsignedInt(ours[i]);
      }
    }
    return false;
  }

  /** Whether an address is canonical, with 48 bits. */
  static boolean canonical(long address) {
    return address << 16 >> 16 == address;
  }
}
