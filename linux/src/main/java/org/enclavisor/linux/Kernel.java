package org.enclavisor.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;

/**
 * System calls. {@link #raw} returns −errno as the kernel does; the named ones throw {@link SyscallException} unless
 * they say otherwise. Every call runs on the calling thread, in native state, so that none holds up the collector.
 * Thread-safe.
 */
public final class Kernel {
  public static final int PAGE = 4096;

  public static final int PROT_NONE = 0;
  public static final int PROT_READ = 1;
  public static final int PROT_WRITE = 2;
  public static final int PROT_EXEC = 4;

  public static final int MAP_SHARED = 0x01;
  public static final int MAP_PRIVATE = 0x02;
  public static final int MAP_FIXED = 0x10;
  public static final int MAP_NORESERVE = 0x4000;
  public static final int MAP_FIXED_NOREPLACE = 0x100000;

  public static final int F_SEAL_SEAL = 1;
  public static final int F_SEAL_SHRINK = 2;
  public static final int F_SEAL_GROW = 4;
  public static final int F_SEAL_WRITE = 8;

  public static final int SIGILL = 4;
  public static final int SIGTRAP = 5;
  public static final int SIGBUS = 7;
  public static final int SIGFPE = 8;
  public static final int SIGKILL = 9;
  public static final int SIGSEGV = 11;
  public static final int SIGUSR2 = 12;
  public static final int SIGCONT = 18;
  public static final int SIGSTOP = 19;
  public static final int SIGSYS = 31;

  /** Wait for children whatever signal they end with. */
  public static final int WALL = 0x4000_0000;

  private static final int MFD_CLOEXEC = 1;
  private static final int MFD_ALLOW_SEALING = 2;
  private static final int MFD_NOEXEC_SEAL = 8;
  private static final int MFD_EXEC = 16;
  private static final int O_CLOEXEC = 0x80000;
  private static final int FALLOC_PUNCH_HOLE_KEEP_SIZE = 3;
  private static final int SEEK_DATA = 3;
  private static final int SEEK_HOLE = 4;
  private static final int F_GETFD = 1;
  private static final int F_ADD_SEALS = 1033;
  private static final int FUTEX_WAIT = 0;
  private static final int FUTEX_WAKE = 1;
  private static final int STAT_BYTES = 144;
  private static final int STAT_BLOCKS = 64;
  private static final int AFFINITY_BYTES = 1024;
  private static final int P_PIDFD = 3;
  private static final int WNOHANG = 1;
  private static final int WSTOPPED = 2;
  private static final int WEXITED = 4;
  private static final int WNOWAIT = 0x0100_0000;
  private static final int CLD_EXITED = 1;
  private static final int CLD_STOPPED = 5;

  private Kernel() {}

  /**
   * Any system call; −errno (−4095 to −1) where it failed. Arguments that are addresses are the caller's to
   * vouch for.
   */
  public static long raw(int number, long a, long b, long c, long d, long e, long f) {
    // SAFETY: the thunk executes one SYSCALL instruction with the arguments as given; callers answer for addresses.
    return NativeCode.call(Thunks.SYSCALL, number, a, b, c, d, e, f);
  }

  public static long raw(int number, long a, long b, long c) {
    return raw(number, a, b, c, 0, 0, 0);
  }

  /** Whether a raw result is an error. */
  public static boolean failed(long result) {
    return result < 0 && result >= -4095;
  }

  /** The result, unless it is an error, which is thrown. */
  public static long check(String call, long result, long... arguments) {
    if (failed(result)) {
      throw new SyscallException(call, (int) -result, arguments);
    }
    return result;
  }

  // ---- memory

  /** mmap(2): the address. */
  public static long mmap(long address, long length, int protection, int flags, int fd, long offset) {
    // SAFETY: takes numbers. With MAP_FIXED the caller vouches for what was at the address before.
    long result = raw(Syscall.MMAP, address, length, protection, flags, fd, offset);
    return check("mmap", result, address, length, protection, flags, fd, offset);
  }

  /** munmap(2). */
  public static void munmap(long address, long length) {
    // SAFETY: takes numbers; the caller made the mapping and nobody uses it any more.
    check("munmap", raw(Syscall.MUNMAP, address, length, 0), address, length);
  }

  /** Maps a whole file readable and writable and shared; unmapped when the arena closes. */
  @SuppressWarnings("restricted")
  public static MemorySegment mapShared(int fd, long length, Arena arena) {
    long address = mmap(0, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    // SAFETY: exactly the mapping just made; it goes away with the arena and not before.
    return MemorySegment.ofAddress(address).reinterpret(length, arena, gone -> munmap(address, length));
  }

  /** An anonymous file in memory, close-on-exec, of fixed size, sealed against any change of it. */
  public static int memfd(String name, long size) {
    int fd = memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    boolean done = false;
    try {
      // SAFETY: takes numbers; the file is new and mapped nowhere.
      check("ftruncate", raw(Syscall.FTRUNCATE, fd, size, 0), fd, size);
      addSeals(fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
      done = true;
      return fd;
    } finally {
      if (!done) {
        close(fd);
      }
    }
  }

  /** An empty anonymous file that can be executed, close-on-exec, to be {@link #fill filled}. */
  public static int memfdProgram(String name) {
    return memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  }

  /** An anonymous file that holds a program and can be executed, close-on-exec, sealed against any change. */
  public static int memfdProgram(String name, byte[] program) {
    int fd = memfdProgram(name);
    boolean done = false;
    try {
      fill(fd, program);
      done = true;
      return fd;
    } finally {
      if (!done) {
        close(fd);
      }
    }
  }

  /** Writes an anonymous file, and seals it against any change. */
  public static void fill(int fd, byte[] content) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, content);
      // SAFETY: reads content.length bytes from memory that lives until the arena closes.
      long written = raw(Syscall.PWRITE64, fd, bytes.address(), content.length, 0, 0, 0);
      if (check("pwrite", written, fd, 0, content.length) != content.length) {
        throw new SyscallException("pwrite", Errno.ENOSPC, fd, 0, content.length);
      }
      addSeals(fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    }
  }

  /**
   * Copies into a file. For many pages of an anonymous one that nobody has touched yet, this takes half the time of
   * writing through a mapping, which has the kernel clear each page first.
   *
   * @param source native memory
   * @return whether all of it was written; if not, how much was is not known
   */
  public static boolean write(int fd, long offset, MemorySegment source) {
    long done = 0;
    while (done < source.byteSize()) {
      // SAFETY: reads what is left of the source, which the caller keeps alive; an unmapped page gives EFAULT.
      long written = raw(Syscall.PWRITE64, fd, source.address() + done, source.byteSize() - done, offset + done, 0, 0);
      if (written <= 0 && written != -Errno.EINTR) {
        return false;
      }
      done += Math.max(written, 0);
    }
    return true;
  }

  private static int memfdCreate(String name, int flags, int olderKernels) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocateFrom(name);
      // SAFETY: a NUL-terminated string that lives until the arena closes.
      long fd = raw(Syscall.MEMFD_CREATE, text.address(), flags, 0);
      if (fd == -Errno.EINVAL) {
        // SAFETY: the same string.
        fd = raw(Syscall.MEMFD_CREATE, text.address(), olderKernels, 0);
      }
      return (int) check("memfd_create", fd, flags);
    }
  }

  private static void addSeals(int fd, int seals) {
    // SAFETY: takes numbers.
    check("fcntl", raw(Syscall.FCNTL, fd, F_ADD_SEALS, seals), fd, F_ADD_SEALS, seals);
  }

  /** Bytes of memory that a file in memory costs now. */
  public static long residentBytes(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment stat = arena.allocate(STAT_BYTES, 8);
      // SAFETY: the kernel writes struct stat, 144 bytes on x86-64, into memory of that size.
      check("fstat", raw(Syscall.FSTAT, fd, stat.address(), 0), fd);
      return stat.get(ValueLayout.JAVA_LONG, STAT_BLOCKS) * 512;
    }
  }

  /** Takes the bytes of a range of a memory file away, from every mapping of it too; it reads as zero afterwards. */
  public static void punchHole(int fd, long offset, long length) {
    // SAFETY: takes numbers; the caller owns the file and nobody counts on what is there.
    long result = raw(Syscall.FALLOCATE, fd, FALLOC_PUNCH_HOLE_KEEP_SIZE, offset, length, 0, 0);
    check("fallocate", result, fd, FALLOC_PUNCH_HOLE_KEEP_SIZE, offset, length);
  }

  /** The numbers of the pages of a memory file that are there. */
  public static BitSet dataPages(int fd, long bytes) {
    BitSet pages = new BitSet();
    long end = 0;
    while (end < bytes) {
      // SAFETY: takes numbers; nobody uses the file's position.
      long start = raw(Syscall.LSEEK, fd, end, SEEK_DATA);
      if (start == -Errno.ENXIO) {
        return pages;
      }
      check("lseek", start, fd, end, SEEK_DATA);
      // SAFETY: the same.
      end = check("lseek", raw(Syscall.LSEEK, fd, start, SEEK_HOLE), fd, start, SEEK_HOLE);
      pages.set((int) (start / PAGE), (int) (end / PAGE));
    }
    return pages;
  }

  /** Copies from another process; how many bytes, or −errno. */
  public static long processRead(int pid, long address, MemorySegment to) {
    if (!to.isNative()) {
      throw new IllegalArgumentException("expected a native segment");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment vectors = arena.allocate(32, 8);
      vectors.set(ValueLayout.JAVA_LONG, 0, to.address());
      vectors.set(ValueLayout.JAVA_LONG, 8, to.byteSize());
      vectors.set(ValueLayout.JAVA_LONG, 16, address);
      vectors.set(ValueLayout.JAVA_LONG, 24, to.byteSize());
      // SAFETY: one iovec each; the local one spans exactly the segment, which the caller keeps alive.
      return raw(Syscall.PROCESS_VM_READV, pid, vectors.address(), 1, vectors.address() + 16, 1, 0);
    }
  }

  // ---- descriptors

  /** close(2); a descriptor that is not open is our own fault and thrown. */
  public static void close(int fd) {
    // SAFETY: takes a number; the caller owns the descriptor.
    check("close", raw(Syscall.CLOSE, fd, 0, 0), fd);
  }

  /** open(2) for reading, close-on-exec: the descriptor or −errno. */
  static int open(String path) {
    try (Arena arena = Arena.ofConfined()) {
      // SAFETY: a NUL-terminated string that lives until the arena closes.
      return (int) raw(Syscall.OPEN, arena.allocateFrom(path).address(), O_CLOEXEC, 0);
    }
  }

  /** Whether a descriptor is open. */
  public static boolean isOpen(int fd) {
    // SAFETY: takes numbers.
    return !failed(raw(Syscall.FCNTL, fd, F_GETFD, 0));
  }

  // ---- randomness

  /** Random bits, from the kernel itself: starting a SecureRandom would cost more than starting a process. */
  static int random() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bits = arena.allocate(4, 4);
      // SAFETY: the kernel writes four bytes into memory of that size.
      check("getrandom", raw(Syscall.GETRANDOM, bits.address(), 4, 0));
      return bits.get(ValueLayout.JAVA_INT, 0);
    }
  }

  // ---- processes and threads

  public static int getpid() {
    // SAFETY: takes nothing.
    return (int) raw(Syscall.GETPID, 0, 0, 0);
  }

  /** The calling thread's number; of a virtual thread, that of its carrier. */
  public static int gettid() {
    // SAFETY: takes nothing.
    return (int) raw(Syscall.GETTID, 0, 0, 0);
  }

  /** A copy of a descriptor of another process; needs the right to trace it. */
  public static int pidfdGetfd(int pidfd, int fd) {
    // SAFETY: takes numbers.
    return (int) check("pidfd_getfd", raw(Syscall.PIDFD_GETFD, pidfd, fd, 0), pidfd, fd);
  }

  /** The same, or −errno. */
  public static int tryPidfdGetfd(int pidfd, int fd) {
    // SAFETY: takes numbers.
    return (int) raw(Syscall.PIDFD_GETFD, pidfd, fd, 0);
  }

  /** Sends a signal; false if the process is gone. */
  public static boolean pidfdSendSignal(int pidfd, int signal) {
    // SAFETY: takes numbers, and no siginfo.
    long result = raw(Syscall.PIDFD_SEND_SIGNAL, pidfd, signal, 0);
    if (result == -Errno.ESRCH) {
      return false;
    }
    check("pidfd_send_signal", result, pidfd, signal);
    return true;
  }

  /** Sends a signal to a thread; false if it is gone. */
  public static boolean tgkill(int pid, int tid, int signal) {
    // SAFETY: takes numbers.
    long result = raw(Syscall.TGKILL, pid, tid, signal);
    if (result == -Errno.ESRCH) {
      return false;
    }
    check("tgkill", result, pid, tid, signal);
    return true;
  }

  /** wait4(2): the child's number, 0 or −errno; the status is stored as an int if {@code status} is not NULL. */
  public static long wait4(int pid, MemorySegment status, int options) {
    // SAFETY: the kernel writes one int; callers pass NULL or a live segment of at least four bytes.
    return raw(Syscall.WAIT4, pid, status.address(), options, 0, 0, 0);
  }

  /** Whether every thread of a child stands still because of a SIGSTOP. */
  public static boolean isStopped(int pidfd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment info = arena.allocate(128, 8);
      // SAFETY: the kernel writes a siginfo_t, 128 bytes, into memory of that size.
      long result =
          raw(Syscall.WAITID, P_PIDFD, pidfd, info.address(), WSTOPPED | WNOHANG | WNOWAIT | WALL, 0, 0);
      return result == 0 && info.get(ValueLayout.JAVA_INT, 8) == CLD_STOPPED;
    }
  }

  /** Waits until a child has ended and reaps it. */
  public static Ending reap(int pidfd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment info = arena.allocate(128, 8);
      long result;
      do {
        // SAFETY: the kernel writes a siginfo_t, 128 bytes, into memory of that size.
        result = raw(Syscall.WAITID, P_PIDFD, pidfd, info.address(), WEXITED | WALL, 0, 0);
      } while (result == -Errno.EINTR);
      if (failed(result)) {
        return new Ending(-1, -1);
      }
      int code = info.get(ValueLayout.JAVA_INT, 8);
      int status = info.get(ValueLayout.JAVA_INT, 24);
      return code == CLD_EXITED ? new Ending(status, -1) : new Ending(-1, status);
    }
  }

  /**
   * How a process ended.
   *
   * @param status its exit status, or −1
   * @param signal the signal that killed it, or −1. If both are −1, somebody else reaped it
   */
  public record Ending(int status, int signal) {
    @Override
    public String toString() {
      if (status >= 0) {
        return "ended with status " + status;
      }
      return signal >= 0 ? "was killed by " + signalName(signal) : "ended in a way that nobody saw";
    }
  }

  /** The symbolic name of a signal, where it has one here. */
  public static String signalName(int signal) {
    return switch (signal) {
      case 2 -> "SIGINT";
      case SIGILL -> "SIGILL";
      case SIGTRAP -> "SIGTRAP";
      case 6 -> "SIGABRT";
      case SIGBUS -> "SIGBUS";
      case SIGFPE -> "SIGFPE";
      case SIGKILL -> "SIGKILL";
      case SIGSEGV -> "SIGSEGV";
      case SIGUSR2 -> "SIGUSR2";
      case 15 -> "SIGTERM";
      case SIGSYS -> "SIGSYS";
      default -> "signal " + signal;
    };
  }

  /**
   * Waits for events on one descriptor: those that came, 0 after the time-out in milliseconds (−1: none), or
   * −errno.
   */
  public static long poll(int fd, int events, int millis) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment entry = arena.allocate(8, 4);
      entry.set(ValueLayout.JAVA_INT, 0, fd);
      entry.set(ValueLayout.JAVA_SHORT, 4, (short) events);
      // SAFETY: one struct pollfd of eight bytes.
      long result = raw(Syscall.POLL, entry.address(), 1, millis);
      return result <= 0 ? result : entry.get(ValueLayout.JAVA_SHORT, 6) & 0xFFFF;
    }
  }

  /** The processors a thread may run on; 0 is the calling one. */
  public static BitSet affinity(int tid) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment mask = arena.allocate(AFFINITY_BYTES, 8);
      // SAFETY: the kernel writes at most as many bytes as told.
      long bytes = raw(Syscall.SCHED_GETAFFINITY, tid, AFFINITY_BYTES, mask.address());
      check("sched_getaffinity", bytes, tid);
      return BitSet.valueOf(mask.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE));
    }
  }

  /** Chooses the processors a thread may run on; false if it is gone or may not. */
  public static boolean setAffinity(int tid, BitSet processors) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment mask = arena.allocate(AFFINITY_BYTES, 8);
      byte[] bits = processors.toByteArray();
      MemorySegment.copy(bits, 0, mask, ValueLayout.JAVA_BYTE, 0, bits.length);
      // SAFETY: the kernel reads as many bytes as told, all of them allocated.
      return !failed(raw(Syscall.SCHED_SETAFFINITY, tid, AFFINITY_BYTES, mask.address()));
    }
  }

  /** The processor that the calling thread runs on at this moment. */
  public static int currentProcessor() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment cpu = arena.allocate(4, 4);
      // SAFETY: the kernel writes one unsigned int; the other two pointers may be NULL.
      check("getcpu", raw(Syscall.GETCPU, cpu.address(), 0, 0));
      return cpu.get(ValueLayout.JAVA_INT, 0);
    }
  }

  // ---- futexes, shared between processes

  /**
   * Sleeps while the word holds {@code expected}: 0 when woken, −EAGAIN if it held something else, −ETIMEDOUT, −EINTR.
   *
   * @param timespec the address of a struct timespec, or 0 to wait without end
   */
  public static long futexWait(long word, int expected, long timespec) {
    // SAFETY: the word is the caller's, in a live shared mapping; the kernel reads 4 bytes there and 16 at timespec.
    return raw(Syscall.FUTEX, word, FUTEX_WAIT, expected, timespec, 0, 0);
  }

  /** Wakes up to {@code count} sleepers; how many. */
  public static long futexWake(long word, int count) {
    // SAFETY: only the word's identity counts; nothing is read or written.
    return raw(Syscall.FUTEX, word, FUTEX_WAKE, count);
  }
}
