package org.enclavisor.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.enclavisor.monitor.spi.Exit;

/**
 * Offsets in a signal's frame, counted from the {@code ucontext_t} of x86-64 Linux (uapi/asm/ucontext.h,
 * sigcontext.h). Only there does the kernel tell an exception's vector, error code and CR2.
 */
public final class SignalFrame {
  static final int R8 = 40;
  static final int R9 = 48;
  static final int R10 = 56;
  static final int R11 = 64;
  static final int R12 = 72;
  static final int R13 = 80;
  static final int R14 = 88;
  static final int R15 = 96;
  static final int RDI = 104;
  static final int RSI = 112;
  static final int RBP = 120;
  static final int RBX = 128;
  static final int RDX = 136;
  static final int RAX = 144;
  static final int RCX = 152;
  static final int RSP = 160;
  static final int RIP = 168;
  static final int RFLAGS = 176;
  static final int ERROR = 192;
  static final int TRAP = 200;
  static final int CR2 = 216;
  static final int EXTENDED = 224;

  /** The {@code siginfo_t} that follows the {@code ucontext_t}. */
  static final int INFO = 304;

  /** What the JVM reads of both. */
  static final int BYTES = 320;

  /** The {@code si_code} of a signal that the kernel raised for no exception of the processor's. */
  static final int SI_KERNEL = 0x80;

  /** Offset of {@code si_code} in a {@code siginfo_t}. */
  static final int INFO_CODE = 8;

  private static final int VECTORS = 32;
  private static final int GENERAL_PROTECTION = 13;
  private static final int PAGE_FAULT = 14;

  /** #DE, #DB, #BP, #OF, #BR, #UD, #TS, #NP, #SS, #GP, #PF, #MF, #AC, #XM, #CP: what a program can come to. */
  private static final int RAISED_BY_PROGRAMS =
      1 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 0xF << 10 | 1 << 14 | 1 << 16 | 1 << 17 | 1 << 19 | 1 << 21;

  /** Bits of a page fault's error code but the SGX bit, which the monitor sets. */
  private static final int PAGE_FAULT_CODE = 0x7FFF;

  private SignalFrame() {}

  /**
   * The exception that a frame tells of.
   *
   * @param area memory that enclave code can write too, so nothing in it is believed: a wrong word makes a wrong fault
   *     of the enclave's own, and no more
   * @param ucontext where in the area the kernel says that the frame lies
   * @return empty if it lies elsewhere or names no vector
   */
  public static Optional<Exit.Fault> fault(MemorySegment area, long ucontext) {
    if (ucontext < 0 || ucontext > area.byteSize() - EXTENDED || ucontext % 8 != 0) {
      return Optional.empty();
    }
    long vector = area.get(JAVA_LONG, ucontext + TRAP);
    long errorCode = area.get(JAVA_LONG, ucontext + ERROR);
    long cr2 = area.get(JAVA_LONG, ucontext + CR2);
    if (vector < 0 || vector >= VECTORS) {
      return Optional.empty();
    }
    return Optional.of(fault(vector, errorCode, cr2));
  }

  /** The exception of three words that may be made up: one that programs can raise, with 16 bits of error code. */
  static Exit.Fault fault(long vector, long errorCode, long cr2) {
    if (vector < 0 || vector >= VECTORS || (RAISED_BY_PROGRAMS >>> vector & 1) == 0) {
      return new Exit.Fault(GENERAL_PROTECTION, 0, 0);
    }
    return vector == PAGE_FAULT
        ? new Exit.Fault(PAGE_FAULT, (int) errorCode & PAGE_FAULT_CODE, cr2)
        : new Exit.Fault((int) vector, (int) errorCode & 0xFFFF, 0);
  }
}
