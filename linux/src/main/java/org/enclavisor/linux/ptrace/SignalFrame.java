package org.enclavisor.linux.ptrace;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.enclavisor.monitor.spi.Exit;

/**
 * What the kernel tells about an exception in a signal frame, and nowhere else: vector, error code and CR2 (struct
 * ucontext and struct sigcontext of x86-64, arch/x86/include/uapi/asm/sigcontext.h).
 */
final class SignalFrame {
  private static final int VECTORS = 32;
  /** uc_flags, uc_link, uc_stack. */
  private static final int UC_MCONTEXT = 8 + 8 + 24;

  private static final int ERROR_CODE = UC_MCONTEXT + 19 * 8;
  private static final int TRAP_NUMBER = UC_MCONTEXT + 20 * 8;
  private static final int CR2 = UC_MCONTEXT + 22 * 8;
  private static final int END = CR2 + 8;
  private static final int PAGE_FAULT = 14;

  private SignalFrame() {}

  /**
   * Reads a frame.
   *
   * @param area memory that enclave code can write too, so nothing in it is believed: a wrong word makes a wrong fault
   *     of the enclave's own, and no more
   * @param ucontext where in the area the kernel says that it lies
   * @return empty if it lies elsewhere or names no vector
   */
  static Optional<Exit.Fault> read(MemorySegment area, long ucontext) {
    if (ucontext < 0 || ucontext > area.byteSize() - END || ucontext % 8 != 0) {
      return Optional.empty();
    }
    long vector = area.get(JAVA_LONG, ucontext + TRAP_NUMBER);
    int errorCode = (int) area.get(JAVA_LONG, ucontext + ERROR_CODE) & 0xffff;
    long cr2 = area.get(JAVA_LONG, ucontext + CR2);
    if (vector < 0 || vector >= VECTORS) {
      return Optional.empty();
    }
    return Optional.of(new Exit.Fault((int) vector, errorCode, vector == PAGE_FAULT ? cr2 : 0));
  }
}
