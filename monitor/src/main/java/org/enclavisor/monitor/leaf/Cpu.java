package org.enclavisor.monitor.leaf;

import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.monitor.epc.XsaveLayout;

/**
 * What the processor that the leaves run on is like. Immutable.
 *
 * @param attributes the flags of CR_SGX_ATTRIBUTES_MASK (CPUID.12H.1, EAX and EBX)
 * @param miscselect what SECS.MISCSELECT may have (CPUID.12H.0, EBX)
 * @param maxEnclaveBits SECS.SIZE is less than 2 to this (CPUID.12H.0, EDX[15:8])
 * @param xsave XCR0 and the places of the state components
 * @param cpuSvn CR_CPUSVN
 * @param reportKeyId CR_REPORT_KEYID
 * @param keys what key derivation gives
 */
public record Cpu(
    long attributes,
    MiscSelect miscselect,
    int maxEnclaveBits,
    XsaveLayout xsave,
    CpuSvn cpuSvn,
    KeyId reportKeyId,
    DerivedKeys keys) {

  /** Whether an address is canonical, with 48 bits. */
  static boolean canonical(long address) {
    return address << 16 >> 16 == address;
  }
}
