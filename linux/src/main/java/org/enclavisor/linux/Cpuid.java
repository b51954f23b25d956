package org.enclavisor.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.enclavisor.monitor.spi.Machine.CpuidResult;

/** The instructions that tell what a processor can do. Thread-safe. */
public final class Cpuid {
  private static final int OSXSAVE = 1 << 27;

  private Cpuid() {}

  /** CPUID with EAX = leaf and ECX = subleaf. */
  public static CpuidResult query(int leaf, int subleaf) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(16, 4);
      // SAFETY: the thunk stores four ints at the address, which stays allocated during the call.
      NativeCode.call(Thunks.CPUID, leaf, subleaf, out.address(), 0, 0, 0, 0);
      return new CpuidResult(
          out.get(ValueLayout.JAVA_INT, 0),
          out.get(ValueLayout.JAVA_INT, 4),
          out.get(ValueLayout.JAVA_INT, 8),
          out.get(ValueLayout.JAVA_INT, 12));
    }
  }

  /** XCR0, or the x87 and SSE bits where the system has not switched XSAVE on. */
  public static long xcr0() {
    if ((query(1, 0).ecx() & OSXSAVE) == 0) {
      return 3;
    }
    // SAFETY: XGETBV is allowed at every privilege level once CR4.OSXSAVE is set, which was just checked.
    return NativeCode.call(Thunks.XGETBV, 0, 0, 0, 0, 0, 0, 0);
  }

  /** The bits of MXCSR that may be set (SDM volume 1, 11.6.6). */
  static int mxcsrMask() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment area = arena.allocate(512, 16);
      // SAFETY: FXSAVE writes 512 bytes to 16-aligned memory of that size.
      NativeCode.call(Thunks.FXSAVE, area.address(), 0, 0, 0, 0, 0, 0);
      int mask = area.get(ValueLayout.JAVA_INT, 28);
      return mask == 0 ? 0xFFBF : mask;
    }
  }

  /** The processor's name, such as {@code AMD EPYC 9354 32-Core Processor}. */
  public static String brand() {
    StringBuilder name = new StringBuilder();
    for (int leaf = 0x8000_0002; leaf <= 0x8000_0004; leaf++) {
      CpuidResult part = query(leaf, 0);
      for (int word : new int[] {part.eax(), part.ebx(), part.ecx(), part.edx()}) {
        for (int i = 0; i < 4; i++) {
          char c = (char) (word >>> 8 * i & 0x7F);
          if (c != 0) {
            name.append(c);
          }
        }
      }
    }
    return name.toString().strip();
  }
}
