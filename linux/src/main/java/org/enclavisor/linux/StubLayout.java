package org.enclavisor.linux;

import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.PlatformException;

/**
 * Where everything lies in an enclave process. The stub's region has one shape, so that an offset from {@link #stub} is
 * also the offset in the memory file behind it:
 *
 * <pre>
 *   +0x0000  common text: start, steward, signal entry, dispatch      r-x  program
 *   +0x2000  trampolines, one for each patched site                   r-x  (the JVM writes)
 *   +0x3000  orders, signal stacks, FS bases of the processors        r--  (the JVM writes)
 *   +0x4000  a table of orders, the filter of new threads             r--  (the JVM writes)
 *   +0x5000  the start script, unmapped before enclave code runs      r--  program
 *   +0x10000 one block for each logical processor:
 *              +0x0000  block text                                    r-x  program
 *              +0x1000  {@link Mailbox}, XSAVE area, signal stack      rw-
 * </pre>
 *
 * <p>A block's text reaches its mailbox relative to RIP, and so needs no register to find it. Blocks are aligned to
 * their size: the signal stack's address tells the block.
 */
record StubLayout(
    long stub, int blockBytes, int processors, long enclave, long enclaveBytes, long untrusted, long untrustedBytes) {

  static final int COMMON_TEXT_BYTES = 0x2000;
  static final int TRAMPOLINES = 0x2000;
  static final int TRAMPOLINE_BYTES = 32;
  static final int TRAMPOLINE_COUNT = Kernel.PAGE / TRAMPOLINE_BYTES;
  static final int ORDERS = 0x3000;
  static final int ORDER = ORDERS;
  static final int BASES = ORDERS + 0x40;
  static final int TABLE = 0x4000;

  /** An entry of the table: the number of a call and three arguments. */
  static final int ENTRY_BYTES = 32;

  /** How many orders there may be at once; behind them one that ends the table. */
  static final int TABLE_ENTRIES = 96;

  /** The number of the last table, a long; and how long the steward then spins for the next, in cycles below 2³². */
  static final int TABLE_NUMBER = TABLE + 0xD00;

  static final int TABLE_SPIN = TABLE_NUMBER + 8;

  /** The number of the last table that was carried out. The steward writes it into the file, by a system call. */
  static final int TABLE_DONE = TABLE + 0xD40;

  /** The {@code struct sock_fprog} of {@link SeccompFilter#ofThread} and the filter behind it. */
  static final int THREAD_FILTER = TABLE + 0xE00;

  static final int SCRIPT = 0x5000;
  static final int SCRIPT_BYTES = 0xB000;
  static final int BLOCKS = 0x10000;
  static final int MAILBOX = 0x1000;
  static final int BLOCK_TEXT_BYTES = 0x1000;

  /** How many logical processors can leave by the jump; those beyond leave by a trap. */
  static final int BASE_COUNT = 48;

  static final int STACKS = ORDERS + 0x200;
  static final int STACK_T_BYTES = 32;

  /** Limited by the page that holds the {@code stack_t}s. */
  static final int MAX_PROCESSORS = (Kernel.PAGE - 0x200) / STACK_T_BYTES;

  /** The end of what user space can map with four levels of page tables. */
  static final long TASK_END = 0x7FFF_FFFF_F000L;

  private static final long LOWEST = 0x1_0000;
  private static final long DEFAULT_ENCLAVE = 0x1000_0000_0000L;
  private static final long GAP = 1L << 24;
  private static final long WINDOW = 1L << 32;

  static StubLayout of(AddressSpaceLayout wanted, int xsaveBytes) {
    if (wanted.processors() > MAX_PROCESSORS) {
      throw new PlatformException(
          "processors=%d: this platform has room for %d".formatted(wanted.processors(), MAX_PROCESSORS));
    }
    long size = wanted.enclaveSize();
    long enclave = wanted.enclaveBase() != 0 ? wanted.enclaveBase() : alignUp(DEFAULT_ENCLAVE, size);
    int block = 0x10000;
    // The signal stack holds a frame of a trap and, below it, one of an interrupt that came to the stub.
    while (block - MAILBOX - Mailbox.XSAVE < 4 * (xsaveBytes + 2048)) {
      block *= 2;
    }
    long region = BLOCKS + (long) wanted.processors() * block;
    long below = alignDown(enclave - GAP - region, block);
    if (enclave > GAP + region && crossesWindow(below, region)) {
      below = alignDown((below & -WINDOW) + WINDOW - region, block);
    }
    long untrustedBytes = wanted.untrustedSize();
    long asked = wanted.untrustedBase();
    long untrustedBelow = asked != 0 ? asked : alignDown(below - GAP - untrustedBytes, 1L << 21);
    if (untrustedBelow >= LOWEST && untrustedBelow <= TASK_END - untrustedBytes && below >= LOWEST
        && enclave + size <= TASK_END
        && fits(untrustedBelow, untrustedBytes, below, region, enclave, size)) {
      return new StubLayout(
          below, block, wanted.processors(), enclave, size, untrustedBelow, untrustedBytes);
    }
    long above = alignUp(enclave + size + GAP, block);
    if (crossesWindow(above, region)) {
      above = alignUp(above, WINDOW);
    }
    long untrustedAbove = asked != 0 ? asked : alignUp(above + region + GAP, 1L << 21);
    if (enclave < LOWEST || size > TASK_END || above > TASK_END - region || untrustedAbove < LOWEST
        || untrustedAbove > TASK_END - untrustedBytes
        || !fits(untrustedAbove, untrustedBytes, above, region, enclave, size)) {
      throw new PlatformException(
          "no room for an ELRANGE of 0x%x bytes at 0x%x and untrusted memory of 0x%x bytes"
                  .formatted(size, enclave, untrustedBytes)
              + (asked != 0 ? " at 0x%x".formatted(asked) : ""));
    }
    return new StubLayout(above, block, wanted.processors(), enclave, size, untrustedAbove, untrustedBytes);
  }

  /** Whether untrusted memory keeps clear of the stub and the ELRANGE. */
  private static boolean fits(long start, long bytes, long stub, long region, long enclave, long size) {
    return apart(start, bytes, stub, region) && apart(start, bytes, enclave, size);
  }

  private static boolean apart(long start, long bytes, long other, long otherBytes) {
    return start - Kernel.PAGE >= other + otherBytes || other - Kernel.PAGE >= start + bytes;
  }

  /** Bytes of the stub's region, and of the file behind it. */
  long stubBytes() {
    return BLOCKS + (long) processors * blockBytes;
  }

  long block(int index) {
    return stub + blockOffset(index);
  }

  long blockOffset(int index) {
    return BLOCKS + (long) index * blockBytes;
  }

  private static boolean crossesWindow(long start, long bytes) {
    return start / WINDOW != (start + bytes - 1) / WINDOW;
  }

  private static long alignUp(long value, long alignment) {
    return (value + alignment - 1) & -alignment;
  }

  private static long alignDown(long value, long alignment) {
    return value & -alignment;
  }
}
