package org.enclavisor.testkit;

import org.enclavisor.monitor.spi.Machine;

/** A processor with x87, SSE and AVX, and no more CPUID leaves than describe these. */
enum FakeMachine implements Machine {
  INSTANCE;

  @Override
  public long xcr0() {
    return 7;
  }

  @Override
  public int xsaveBytes() {
    return FakeExtendedState.BYTES;
  }

  @Override
  public CpuidResult cpuid(int leaf, int subleaf) {
    return switch (leaf) {
      case 0 -> new CpuidResult(0xd, 0x656b6146, 0x20202020, 0x20555043); // "Fake CPU    "
      case 1 -> new CpuidResult(0x00000f00, 0, 1 << 26 | 1 << 27 | 1 << 28, 1 | 1 << 24 | 1 << 25 | 1 << 26);
      case 7 -> new CpuidResult(0, subleaf == 0 ? 1 : 0, 0, 0); // FSGSBASE
      case 0xd -> switch (subleaf) {
        case 0 -> new CpuidResult(7, FakeExtendedState.BYTES, FakeExtendedState.BYTES, 0);
        case 2 -> new CpuidResult(256, FakeExtendedState.AVX, 0, 0);
        default -> new CpuidResult(0, 0, 0, 0);
      };
      default -> new CpuidResult(0, 0, 0, 0);
    };
  }
}
