package org.enclavisor.host.sdk;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.enclavisor.monitor.spi.Machine;
import org.junit.jupiter.api.Test;

class CpuFeatureBitsTest {

  private record Fixed(long xcr0, Map<Integer, CpuidResult> leaves) implements Machine {
    @Override
    public int xsaveBytes() {
      return 576;
    }

    @Override
    public CpuidResult cpuid(int leaf, int subleaf) {
      return leaves.getOrDefault(leaf, new CpuidResult(0, 0, 0, 0));
    }
  }

  private static Machine.CpuidResult result(int eax, int ebx, int ecx, int edx) {
    return new Machine.CpuidResult(eax, ebx, ecx, edx);
  }

  private static CpuFeatureBits all(long xcr0, boolean intel) {
    return new CpuFeatureBits(
        new Fixed(
            xcr0,
            Map.of(
                0,
                    intel
                        ? result(7, 0x756e6547, 0x6c65746e, 0x49656e69)
                        : result(7, 0x68747541, 0x444d4163, 0x69746e65),
                1, result(0, 0, -1, -1),
                7, result(0, -1, -1, -1),
                0x80000001, result(0, 0, -1, -1),
                0x80000008, result(0, -1, 0, 0))));
  }

  @Test
  void nothingButTheArchitecture() {
    var bits = new CpuFeatureBits(new Fixed(3, Map.of()));
    assertThat(bits.older()).isEqualTo(1);
    assertThat(bits.newer()).isEqualTo(1);
  }

  @Test
  void wideRegistersCountOnlyIfSwitchedOn() {
    long without = all(3, true).newer();
    assertThat(without & 1L << 16).as("AVX").isZero();
    assertThat(without & 1L << 9).as("SSE4.1").isNotZero();
    long avx = all(7, true).newer();
    assertThat(avx & 1L << 16).isNotZero();
    assertThat(avx & 1L << 23).as("AVX2").isNotZero();
    assertThat(avx & 1L << 27).as("AVX512F").isZero();
    assertThat(all(0xe7, true).newer() & 1L << 27).isNotZero();
  }

  @Test
  void someCountOnIntelProcessorsOnly() {
    long intelOnly = 1L << 20 | 1L << 21 | 1L << 22;
    assertThat(all(7, true).older() & intelOnly).isEqualTo(intelOnly);
    assertThat(all(7, false).older() & intelOnly).isZero();
    assertThat(all(7, false).newer() & intelOnly).isZero();
    assertThat(all(7, true).newer() & 1L << 53).as("SGX").isNotZero();
  }
}
