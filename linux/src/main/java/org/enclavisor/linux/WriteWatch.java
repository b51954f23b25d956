package org.enclavisor.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.Optional;

/**
 * The kernel's notes of which pages a mapping was written through: userfaultfd(2) in its asynchronous form, in which
 * the kernel takes write protection off a page at the first write and stops nobody, and ioctl(PAGEMAP_SCAN), which
 * tells where it is off and can put it on again in the same breath. Both came with Linux 6.7; a userfaultfd works on
 * the memory of the process that made it, whoever holds it. Confined to its owner's lock.
 */
public final class WriteWatch implements AutoCloseable {
  private static final int O_CLOEXEC = 0x80000;
  private static final int USER_MODE_ONLY = 1;

  /** Flags of userfaultfd(2), with which every user may call it. */
  public static final int FLAGS = O_CLOEXEC | USER_MODE_ONLY;

  private static final int UFFDIO_API = 0xC018AA3F;
  private static final int UFFDIO_REGISTER = 0xC020AA00;
  private static final int UFFDIO_WRITEPROTECT = 0xC018AA06;
  private static final int PAGEMAP_SCAN = 0xC0606610;
  private static final long API = 0xAA;
  private static final long WP = 1;
  private static final long WP_SHARED_MEMORY = 1 << 12;
  private static final long WP_UNPOPULATED = 1 << 13;
  private static final long WP_ASYNC = 1 << 15;
  private static final long REGISTER_MODE_WP = 2;
  private static final long WRITEPROTECT_MODE_WP = 1;
  private static final long SCAN_WP_MATCHING = 1;
  private static final long PAGE_IS_WRITTEN = 2;
  private static final int SCAN_BYTES = 96;
  private static final int REGION_BYTES = 24;
  private static final int REGIONS = 512;

  private final int userfault;
  private final int pagemap;
  private final long base;
  private final long bytes;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment argument = arena.allocate(SCAN_BYTES, 8);
  private final MemorySegment regions = arena.allocate((long) REGIONS * REGION_BYTES, 8);

  private WriteWatch(int userfault, int pagemap, long base, long bytes) {
    this.userfault = userfault;
    this.pagemap = pagemap;
    this.base = base;
    this.bytes = bytes;
  }

  /**
   * Takes over a userfaultfd of a process.
   *
   * @param userfault the descriptor, in this process; negative if there is none
   * @param base the address, there, of a mapping of so many bytes
   * @return empty if the kernel is too old or does not allow it; the descriptor is closed then
   */
  public static Optional<WriteWatch> of(int userfault, int pid, long base, long bytes) {
    if (userfault < 0) {
      return Optional.empty();
    }
    int pagemap = Kernel.open("/proc/" + pid + "/pagemap");
    if (pagemap >= 0) {
      var watch = new WriteWatch(userfault, pagemap, base, bytes);
      if (watch.shakeHands() && watch.canScan()) {
        return Optional.of(watch);
      }
      watch.close();
    } else {
      Kernel.close(userfault);
    }
    return Optional.empty();
  }

  /** For a mapping of this process. */
  public static Optional<WriteWatch> ofOwn(MemorySegment mapping) {
    // SAFETY: takes a number, and gives a descriptor or an error.
    int userfault = (int) Kernel.raw(Syscall.USERFAULTFD, FLAGS, 0, 0);
    return of(userfault, Kernel.getpid(), mapping.address(), mapping.byteSize());
  }

  private boolean shakeHands() {
    argument.set(JAVA_LONG, 0, API);
    argument.set(JAVA_LONG, 8, WP | WP_SHARED_MEMORY | WP_UNPOPULATED | WP_ASYNC);
    // SAFETY: the kernel reads and writes a struct uffdio_api, 24 bytes.
    return Kernel.raw(Syscall.IOCTL, userfault, UFFDIO_API, argument.address()) == 0;
  }

  /** A scan of nothing. */
  private boolean canScan() {
    return !Kernel.failed(scan(base, base, 0));
  }

  /** Begins, or goes on after something was mapped anew in the range. */
  void register() {
    argument.set(JAVA_LONG, 0, base);
    argument.set(JAVA_LONG, 8, bytes);
    argument.set(JAVA_LONG, 16, REGISTER_MODE_WP);
    // SAFETY: the kernel reads and writes a struct uffdio_register, 32 bytes; no byte of the memory itself changes.
    Kernel.check("ioctl(UFFDIO_REGISTER)", Kernel.raw(Syscall.IOCTL, userfault, UFFDIO_REGISTER, argument.address()));
  }

  /** Forgets that pages were written. */
  void protect(BitSet pages) {
    for (int from = pages.nextSetBit(0); from >= 0; ) {
      int to = pages.nextClearBit(from);
      argument.set(JAVA_LONG, 0, base + (long) from * Kernel.PAGE);
      argument.set(JAVA_LONG, 8, (long) (to - from) * Kernel.PAGE);
      argument.set(JAVA_LONG, 16, WRITEPROTECT_MODE_WP);
      long result;
      do {
        // SAFETY: the kernel reads a struct uffdio_writeprotect, 24 bytes; no byte of the memory itself changes.
        result = Kernel.raw(Syscall.IOCTL, userfault, UFFDIO_WRITEPROTECT, argument.address());
      } while (result == -Errno.EINTR || result == -Errno.EAGAIN);
      Kernel.check("ioctl(UFFDIO_WRITEPROTECT)", result, from, to);
      from = pages.nextSetBit(to);
    }
  }

  /**
   * Adds those of the pages that were written.
   *
   * @param again whether to forget that at once, so that no write falls between
   */
  void written(BitSet pages, boolean again, BitSet result) {
    for (int from = pages.nextSetBit(0); from >= 0; ) {
      int to = pages.nextClearBit(from);
      long end = base + (long) to * Kernel.PAGE;
      long at = base + (long) from * Kernel.PAGE;
      while (at < end) {
        long count = scan(at, end, again ? SCAN_WP_MATCHING : 0);
        Kernel.check("ioctl(PAGEMAP_SCAN)", count, at, end);
        for (int i = 0; i < count; i++) {
          long start = regions.get(JAVA_LONG, (long) i * REGION_BYTES) - base;
          long stop = regions.get(JAVA_LONG, (long) i * REGION_BYTES + 8) - base;
          result.set((int) (start / Kernel.PAGE), (int) (stop / Kernel.PAGE));
        }
        at = Math.max(at, argument.get(JAVA_LONG, 32));
      }
      from = pages.nextSetBit(to);
    }
  }

  private long scan(long from, long to, long flags) {
    argument.set(JAVA_LONG, 0, SCAN_BYTES);
    argument.set(JAVA_LONG, 8, flags);
    argument.set(JAVA_LONG, 16, from);
    argument.set(JAVA_LONG, 24, to);
    argument.set(JAVA_LONG, 32, 0);
    argument.set(JAVA_LONG, 40, regions.address());
    argument.set(JAVA_LONG, 48, REGIONS);
    argument.set(JAVA_LONG, 56, 0);
    argument.set(JAVA_LONG, 64, 0);
    argument.set(JAVA_LONG, 72, PAGE_IS_WRITTEN);
    argument.set(JAVA_LONG, 80, 0);
    argument.set(JAVA_LONG, 88, PAGE_IS_WRITTEN);
    long result;
    do {
      // SAFETY: the kernel reads and writes a struct pm_scan_arg, 96 bytes, and as many regions as are allocated.
      result = Kernel.raw(Syscall.IOCTL, pagemap, PAGEMAP_SCAN, argument.address());
    } while (result == -Errno.EINTR);
    return result;
  }

  @Override
  public void close() {
    Kernel.close(userfault);
    Kernel.close(pagemap);
    arena.close();
  }
}
