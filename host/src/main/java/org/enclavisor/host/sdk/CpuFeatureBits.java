package org.enclavisor.host.sdk;

import java.util.List;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.Machine.CpuidResult;

/**
 * The SDK's two sets of processor feature bits (psw/urts/cpu_features.cpp and cpu_features_ext.cpp). As there, HLE, RTM
 * and LZCNT count on Intel processors only, and what needs wide registers counts only if XCR0 has them.
 */
final class CpuFeatureBits {
  private static final int YMM = 0x6;
  private static final int BOUND_REGISTERS = 0x18;
  private static final int ZMM = 0xe0;
  /** CPUID.0: "Genu", "ineI", "ntel". */
  private static final int[] INTEL = {0x756e6547, 0x49656e69, 0x6c65746e};

  private final CpuidResult leaf0;
  private final CpuidResult leaf1;
  private final CpuidResult leaf7;
  private final CpuidResult leaf14;
  private final CpuidResult extended1;
  private final CpuidResult extended8;
  private final long xcr0;
  private final boolean intel;

  CpuFeatureBits(Machine machine) {
    leaf0 = machine.cpuid(0, 0);
    leaf1 = machine.cpuid(1, 0);
    leaf7 = machine.cpuid(7, 0);
    leaf14 = Integer.compareUnsigned(leaf0.eax(), 0x14) >= 0 ? machine.cpuid(0x14, 0) : new CpuidResult(0, 0, 0, 0);
    extended1 = machine.cpuid(0x80000001, 0);
    extended8 = machine.cpuid(0x80000008, 0);
    xcr0 = machine.xcr0();
    intel = leaf0.ebx() == INTEL[0] && leaf0.edx() == INTEL[1] && leaf0.ecx() == INTEL[2];
  }

  /** A feature: its bit in the set, and whether the processor has it. */
  private record Feature(int bit, boolean present) {}

  private static boolean bit(int register, int number) {
    return (register >>> number & 1) != 0;
  }

  private static long set(List<Feature> features) {
    return features.stream()
        .filter(Feature::present)
        .mapToLong(feature -> 1L << feature.bit())
        .reduce(1, (a, b) -> a | b);
  }

  /** Atom models whose pipelines run in order (CPUID.1: 0x1c, 0x26, 0x27). */
  private boolean inOrder() {
    int model = leaf1.eax() >>> 12 & 0xf0 | leaf1.eax() >>> 4 & 0xf;
    return model == 0x1c || model == 0x26 || model == 0x27;
  }

  /** The set of se_cpu_feature_defs.h. Bit 0, the architecture itself, is always there. */
  long older() {
    int ecx = leaf1.ecx();
    int edx = leaf1.edx();
    int ebx7 = leaf7.ebx();
    boolean fxsave = bit(edx, 24);
    boolean xsave = bit(ecx, 27);
    return set(
        List.of(
            new Feature(1, bit(edx, 0)),
            new Feature(2, bit(edx, 15)),
            new Feature(3, bit(edx, 23)),
            new Feature(4, fxsave),
            new Feature(5, fxsave && bit(edx, 25)),
            new Feature(6, fxsave && bit(edx, 26)),
            new Feature(7, fxsave && bit(ecx, 0)),
            new Feature(8, fxsave && bit(ecx, 9)),
            new Feature(9, fxsave && bit(ecx, 19)),
            new Feature(10, fxsave && bit(ecx, 20)),
            new Feature(11, fxsave && bit(ecx, 23)),
            new Feature(12, fxsave && bit(ecx, 22)),
            new Feature(13, fxsave && bit(ecx, 1)),
            new Feature(14, fxsave && bit(ecx, 25)),
            new Feature(15, xsave && bit(ecx, 29)),
            new Feature(16, xsave && bit(ecx, 28)),
            new Feature(17, bit(ecx, 30)),
            new Feature(18, xsave && bit(ecx, 12)),
            new Feature(19, bit(ebx7, 3) && bit(ebx7, 8)),
            new Feature(20, intel && bit(extended1.ecx(), 5)),
            new Feature(21, intel && bit(ebx7, 4)),
            new Feature(22, intel && bit(ebx7, 11)),
            new Feature(23, xsave && bit(ebx7, 5)),
            new Feature(25, bit(extended1.ecx(), 8)),
            new Feature(26, bit(ebx7, 18)),
            new Feature(27, bit(ebx7, 19)),
            new Feature(28, inOrder())));
  }

  /** The set of se_cpu_feature_defs_ext.h. Bit 0, the architecture itself, is always there. */
  long newer() {
    int ecx = leaf1.ecx();
    int edx = leaf1.edx();
    int ebx7 = leaf7.ebx();
    int ecx7 = leaf7.ecx();
    int edx7 = leaf7.edx();
    boolean fxsave = bit(edx, 24);
    boolean ymm = bit(ecx, 27) && (xcr0 & YMM) == YMM;
    boolean avx = ymm && bit(ecx, 28);
    boolean zmm = ymm && (xcr0 & ZMM) == ZMM;
    long scalar =
        set(
            List.of(
                new Feature(1, bit(edx, 0)),
                new Feature(2, bit(edx, 15)),
                new Feature(3, bit(edx, 23)),
                new Feature(4, fxsave),
                new Feature(5, fxsave && bit(edx, 25)),
                new Feature(6, fxsave && bit(edx, 26)),
                new Feature(7, fxsave && bit(ecx, 0)),
                new Feature(8, fxsave && bit(ecx, 9)),
                new Feature(9, fxsave && bit(ecx, 19)),
                new Feature(10, fxsave && bit(ecx, 20)),
                new Feature(11, fxsave && bit(ecx, 22)),
                new Feature(12, fxsave && bit(ecx, 23)),
                new Feature(13, fxsave && bit(ecx, 1)),
                new Feature(14, fxsave && bit(ecx, 25)),
                new Feature(17, bit(ecx, 30)),
                new Feature(19, bit(ebx7, 3) && bit(ebx7, 8)),
                new Feature(20, intel && bit(extended1.ecx(), 5)),
                new Feature(21, intel && bit(ebx7, 4)),
                new Feature(22, intel && bit(ebx7, 11)),
                new Feature(25, bit(leaf14.ebx(), 4)),
                new Feature(28, bit(ebx7, 19)),
                new Feature(29, bit(ebx7, 18)),
                new Feature(31, inOrder()),
                new Feature(35, fxsave && bit(ebx7, 29)),
                new Feature(45, bit(ecx7, 8)),
                new Feature(49, bit(ebx7, 24)),
                new Feature(50, bit(ecx7, 22)),
                new Feature(51, bit(edx7, 20)),
                new Feature(52, bit(ecx7, 7)),
                new Feature(53, intel && bit(ebx7, 2)),
                new Feature(54, bit(extended8.ebx(), 9)),
                new Feature(55, bit(edx7, 18))));
    long wide =
        set(
            List.of(
                new Feature(15, ymm && bit(ecx, 29)),
                new Feature(16, avx),
                new Feature(18, ymm && bit(ecx, 12)),
                new Feature(23, ymm && bit(ebx7, 5)),
                new Feature(24, zmm && bit(ebx7, 17)),
                new Feature(27, zmm && bit(ebx7, 16)),
                new Feature(30, zmm && bit(ebx7, 21)),
                new Feature(32, zmm && bit(ebx7, 27)),
                new Feature(33, zmm && bit(ebx7, 26)),
                new Feature(34, zmm && bit(ebx7, 28)),
                new Feature(36, ymm && (xcr0 & BOUND_REGISTERS) == BOUND_REGISTERS && bit(ebx7, 14)),
                new Feature(37, zmm && bit(ebx7, 30)),
                new Feature(38, zmm && bit(ebx7, 31)),
                new Feature(39, zmm && bit(ecx7, 1)),
                new Feature(40, zmm && bit(edx7, 3)),
                new Feature(41, zmm && bit(edx7, 2)),
                new Feature(42, zmm && bit(ecx7, 14)),
                new Feature(43, zmm && bit(ecx7, 12)),
                new Feature(44, zmm && bit(ecx7, 6)),
                new Feature(46, avx && bit(ecx7, 9)),
                new Feature(47, avx && bit(ecx7, 10)),
                new Feature(48, zmm && bit(ecx7, 11))));
    return scalar | wide;
  }
}
