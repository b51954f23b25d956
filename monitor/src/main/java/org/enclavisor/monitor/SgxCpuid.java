package org.enclavisor.monitor;

import java.util.Set;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.Machine.CpuidResult;

/**
 * CPUID leaf 12H: what the processor that the monitor plays has of SGX (SDM 3D, “Enumeration of Intel SGX
 * Capabilities”). What it says is what the leaves do: a bit that is clear here is a leaf that answers #GP(0), an
 * attribute that is clear is one that ECREATE refuses.
 *
 * @param features EAX of sub-leaf 0 without SGX1, which is always there, and EVERIFYREPORT2, which never is: there are
 *     no reports of trust domains to verify
 * @param miscselect EBX of sub-leaf 0
 * @param maxEnclaveBits EDX[15:8] of sub-leaf 0, of 64-bit enclaves; EDX[7:0] is 0, as there are no others
 * @param attributes EAX and EBX of sub-leaf 1
 * @param xfrm ECX and EDX of sub-leaf 1
 * @param epcBytes size of the one section of the EPC, in bytes, whole pages
 */
public record SgxCpuid(
    Set<SgxFeature> features, MiscSelect miscselect, int maxEnclaveBits, long attributes, long xfrm, long epcBytes) {
  private static final int SGX1 = 1;
  private static final int EPC_SECTION = 1;
  private static final int PROTECTED = 1;
  private static final int PAGE = 4096;
  private static final CpuidResult NONE = new CpuidResult(0, 0, 0, 0);

  public SgxCpuid {
    features = Set.copyOf(features);
    if (epcBytes <= 0 || epcBytes % PAGE != 0 || epcBytes >>> 52 != 0) {
      throw new IllegalArgumentException("epcBytes=" + epcBytes + ": expected whole pages, fewer than 2 to the 52");
    }
  }

  /**
   * Of a monitor with this configuration on this machine. An EPC without a limit is as large as the largest enclave can
   * be.
   */
  public static SgxCpuid of(MonitorConfig config, Machine machine) {
    return new SgxCpuid(
        config.features(),
        config.miscselect(),
        config.maxEnclaveBits(),
        config.attributes(),
        machine.xcr0(),
        config.epc().map(limit -> limit.pages() * PAGE).orElse(1L << config.maxEnclaveBits()));
  }

  /** The answer to CPUID with EAX = 12H and ECX = {@code subleaf}. */
  public CpuidResult subleaf(int subleaf) {
    return switch (subleaf) {
      case 0 -> new CpuidResult(capabilities(), miscselect.bits(), 0, maxEnclaveBits << 8);
      case 1 ->
          new CpuidResult((int) attributes, (int) (attributes >>> 32), (int) xfrm, (int) (xfrm >>> 32));
      case 2 ->
          // The section begins with the first frame that is handed out.
          new CpuidResult(
              PAGE | EPC_SECTION, 0, (int) epcBytes & -PAGE | PROTECTED, (int) (epcBytes >>> 32));
      default -> NONE;
    };
  }

  private int capabilities() {
    int result = SGX1;
    for (SgxFeature feature : features) {
      result |= feature.mask();
    }
    return result;
  }
}
