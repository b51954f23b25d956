package org.enclavisor.linux;

/**
 * Offsets in a signal's frame, counted from the {@code ucontext_t} of x86-64 Linux (uapi/asm/ucontext.h,
 * sigcontext.h).
 */
final class SignalFrame {
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

  private SignalFrame() {}
}
