package org.enclavisor.linux;

import org.enclavisor.monitor.spi.Machine;

/**
 * The processor under this Linux. Thread-safe.
 *
 * <p>AMX tile state (XCR0 bits 17 and 18) is left out: Linux hands it out by permission, process by process, and an
 * enclave process never asks.
 */
public final class LinuxMachine implements Machine {
  /** The only one. */
  public static final LinuxMachine INSTANCE = new LinuxMachine();

  private static final long AMX = 3L << 17;
  private static final int XSAVE_LEGACY_AND_HEADER = 576;
  private static final int XSAVE_LEAF = 0x0D;

  private final long xcr0 = Cpuid.xcr0() & ~AMX;
  private final int xsaveBytes = standardSize(xcr0);

  private final int mxcsrBits = Cpuid.mxcsrMask();

  private LinuxMachine() {}

  @Override
  public long xcr0() {
    return xcr0;
  }

  @Override
  public int xsaveBytes() {
    return xsaveBytes;
  }

  /** The bits of MXCSR that may be set. */
  int mxcsrBits() {
    return mxcsrBits;
  }

  @Override
  public CpuidResult cpuid(int leaf, int subleaf) {
    return Cpuid.query(leaf, subleaf);
  }

  /** SDM volume 1, 13.4.3: each component has its place in the standard form, told by CPUID.0DH.n. */
  private static int standardSize(long xcr0) {
    int size = XSAVE_LEGACY_AND_HEADER;
    for (int component = 2; component < 63; component++) {
      if ((xcr0 >>> component & 1) != 0) {
        CpuidResult place = Cpuid.query(XSAVE_LEAF, component);
        size = Math.max(size, place.ebx() + place.eax());
      }
    }
    return size;
  }
}
