package org.enclavisor.monitor.epc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.enclavisor.monitor.spi.Machine;
import org.junit.jupiter.api.Test;

class XsaveLayoutTest {
  /** The places of a processor with AVX-512, PKRU and AMX. */
  private static final Map<Integer, int[]> PLACES =
      Map.of(
          2, new int[] {256, 576},
          5, new int[] {64, 832},
          6, new int[] {512, 896},
          7, new int[] {1024, 1408},
          9, new int[] {8, 2432},
          17, new int[] {64, 2496},
          18, new int[] {8192, 2560});

  private record TestMachine(long xcr0, int xsaveBytes, int amdFlags) implements Machine {
    @Override
    public CpuidResult cpuid(int leaf, int subleaf) {
      if (leaf == 0x80000001) {
        return new CpuidResult(0, 0, amdFlags, 0);
      }
      int[] place = leaf == 0xD ? PLACES.get(subleaf) : null;
      return place == null ? new CpuidResult(0, 0, 0, 0) : new CpuidResult(place[0], place[1], 0, 0);
    }
  }

  private final XsaveLayout layout = XsaveLayout.of(new TestMachine(0x602E7, 10752, 0));

  @Test
  void sizes() {
    assertThat(layout.bytes(3)).isEqualTo(576);
    assertThat(layout.bytes(7)).isEqualTo(832);
    assertThat(layout.bytes(0xE7)).isEqualTo(2432);
    assertThat(layout.bytes(0x203)).isEqualTo(2440);
    assertThat(layout.bytes(0x602E7)).isEqualTo(10752);
  }

  @Test
  void legalValues() {
    long[] legal = {1, 3, 7, 0xE7, 0x203, 0x2E7, 0x60003, 0x602E7};
    long[] illegal = {0, 2, 5, 4, 0x23, 0x63, 0xE3, 0x20003, 0x40003, 8, 0x1B, 0x403, 1L << 63 | 3};
    for (long xfrm : legal) {
      assertThat(layout.legal(xfrm)).as("0x%x", xfrm).isTrue();
    }
    for (long xfrm : illegal) {
      assertThat(layout.legal(xfrm)).as("0x%x", xfrm).isFalse();
    }
  }

  @Test
  void mxcsrMask() {
    assertThat(layout.mxcsrMask()).isEqualTo(0xFFFF);
    assertThat(XsaveLayout.of(new TestMachine(3, 576, 1 << 7)).mxcsrMask()).isEqualTo(0x2FFFF);
  }

  @Test
  void aMachineThatContradictsItself() {
    assertThatThrownBy(() -> XsaveLayout.of(new TestMachine(7, 800, 0)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("CPUID.0DH.2");
    assertThatThrownBy(() -> XsaveLayout.of(new TestMachine(0xB, 4096, 0)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
