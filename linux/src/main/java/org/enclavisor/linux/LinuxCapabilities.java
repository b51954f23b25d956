package org.enclavisor.linux;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.enclavisor.monitor.spi.PlatformException;

/**
 * What this machine offers to the platforms, as it answers when asked, without trying anything that lasts.
 *
 * @param kernel the kernel's release, such as {@code 6.12.4-amd64}
 * @param processor the processor's name for itself
 * @param processors how many processors this JVM may use
 * @param xcr0 the extended state components that enclaves can have
 * @param fsgsbase whether programs may set their segment bases themselves (CR4.FSGSBASE; Linux 5.9)
 * @param userNotification whether seccomp can ask another process about a call, and let it go on (Linux 5.5)
 * @param copyDescriptors whether pidfd_getfd(2) exists (Linux 5.6)
 * @param executableMemory whether a program in an anonymous memory file may be executed (sysctl vm.memfd_noexec)
 * @param yama {@code kernel.yama.ptrace_scope}, or empty where Yama is not built in
 * @param overcommit {@code vm.overcommit_memory}: 2 counts every reserved page against a limit
 * @param mapCount {@code vm.max_map_count}: how many runs of equal permissions an address space can have
 */
public record LinuxCapabilities(
    String kernel,
    String processor,
    int processors,
    long xcr0,
    boolean fsgsbase,
    boolean userNotification,
    boolean copyDescriptors,
    boolean executableMemory,
    OptionalInt yama,
    OptionalInt overcommit,
    OptionalInt mapCount) {

  private static final int AT_HWCAP2 = 26;
  private static final int HWCAP2_FSGSBASE = 1 << 1;
  private static final int SECCOMP_GET_NOTIF_SIZES = 3;
  private static final int NOTIF_BYTES = 80;
  private static final int YAMA_NOBODY = 3;
  private static final String YAMA_REMEDY = "set kernel.yama.ptrace_scope to 2 or less and restart";

  /**
   * Something that is missing.
   *
   * @param what in a few words
   * @param remedy what to do about it
   */
  public record Lack(String what, String remedy) {}

  /** Asks this machine. */
  public static LinuxCapabilities probe() {
    return new LinuxCapabilities(
        System.getProperty("os.version", "unknown"),
        Cpuid.brand(),
        Kernel.affinity(0).cardinality(),
        LinuxMachine.INSTANCE.xcr0(),
        hasFsgsbase(),
        hasUserNotification(),
        canCopyDescriptors(),
        mayExecuteMemory(),
        number("/proc/sys/kernel/yama/ptrace_scope"),
        number("/proc/sys/vm/overcommit_memory"),
        number("/proc/sys/vm/max_map_count"));
  }

  /** What {@link StubPlatform} needs and this machine lacks. */
  public List<Lack> lacksForStub() {
    List<Lack> lacks = new ArrayList<>(lacksForAll());
    if (!fsgsbase) {
      lacks.add(new Lack("user code cannot set FS and GS bases",
          "use Linux 5.9 or newer on a processor with FSGSBASE, and no 'nofsgsbase' on the kernel's command line"));
    }
    if (!userNotification) {
      lacks.add(new Lack("seccomp has no user notification", "use Linux 5.5 or newer with CONFIG_SECCOMP_FILTER"));
    }
    if (!copyDescriptors) {
      lacks.add(new Lack("pidfd_getfd is missing", "use Linux 5.6 or newer; a container may have to allow the call"));
    }
    if (yama.orElse(0) == YAMA_NOBODY) {
      lacks.add(new Lack("Yama lets nobody attach to a process", YAMA_REMEDY));
    }
    return List.copyOf(lacks);
  }

  /** What the ptrace platform needs and this machine lacks. */
  public List<Lack> lacksForPtrace() {
    List<Lack> lacks = new ArrayList<>(lacksForAll());
    if (yama.orElse(0) == YAMA_NOBODY) {
      lacks.add(new Lack("Yama lets nobody trace a process", YAMA_REMEDY));
    }
    return List.copyOf(lacks);
  }

  private List<Lack> lacksForAll() {
    return executableMemory
        ? List.of()
        : List.of(new Lack("programs in anonymous memory cannot be executed", "set vm.memfd_noexec to 0 or 1"));
  }

  /** @throws PlatformException if this machine cannot run the stub platform */
  static LinuxCapabilities requireStub() {
    LinuxCapabilities machine = probe();
    List<Lack> lacks = machine.lacksForStub();
    if (!lacks.isEmpty()) {
      throw new PlatformException(
          lacks.stream().map(l -> l.what + " (" + l.remedy + ")").collect(Collectors.joining("; ")));
    }
    return machine;
  }

  private static boolean hasFsgsbase() {
    try {
      byte[] bytes = Files.readAllBytes(Path.of("/proc/self/auxv"));
      ByteBuffer vector = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      while (vector.remaining() >= 16) {
        long type = vector.getLong();
        long value = vector.getLong();
        if (type == AT_HWCAP2) {
          return (value & HWCAP2_FSGSBASE) != 0;
        }
      }
      return false;
    } catch (IOException e) {
      return false;
    }
  }

  private static boolean hasUserNotification() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment sizes = arena.allocate(8, 8);
      // SAFETY: the kernel writes three 16-bit numbers into eight bytes.
      long result = Kernel.raw(Syscall.SECCOMP, SECCOMP_GET_NOTIF_SIZES, 0, sizes.address());
      return result == 0 && sizes.get(ValueLayout.JAVA_SHORT, 0) == NOTIF_BYTES;
    }
  }

  private static boolean canCopyDescriptors() {
    // SAFETY: takes numbers, and no descriptor has this one.
    return Kernel.raw(Syscall.PIDFD_GETFD, -1, 0, 0) == -Errno.EBADF;
  }

  private static boolean mayExecuteMemory() {
    try {
      Kernel.close(Kernel.memfdProgram("enclavisor-probe"));
      return true;
    } catch (SyscallException e) {
      return false;
    }
  }

  /** In one read, for a sysctl gives nothing to a second one; {@link Files#readString} begins with a single byte. */
  private static OptionalInt number(String file) {
    try (InputStream in = Files.newInputStream(Path.of(file))) {
      return OptionalInt.of(Integer.parseInt(new String(in.readNBytes(32), StandardCharsets.US_ASCII).strip()));
    } catch (IOException | NumberFormatException e) {
      return OptionalInt.empty();
    }
  }
}
