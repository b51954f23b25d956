package org.enclavisor.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Starts a program that lies in a memory file, by posix_spawn(3): with no blocked signal, default handlers, a session
 * of its own, no arguments and no environment, and with the given descriptors as its numbers from 3 on. The child
 * belongs to the calling thread, and only that can wait for it with __WNOTHREAD. Thread-safe.
 *
 * <p>posix_spawn may return before the child has finished its exec. The child has standard descriptors, and the one it
 * was executed from, until it closes them.
 */
public final class Spawn {
  /** The number that the first inherited descriptor has in the child. */
  public static final int FIRST_DESCRIPTOR = 3;

  private static final int POSIX_SPAWN_SETSIGDEF = 0x04;
  private static final int POSIX_SPAWN_SETSIGMASK = 0x08;
  private static final int POSIX_SPAWN_SETSID = 0x80;
  /** More than glibc's and musl's posix_spawnattr_t (336 bytes) and posix_spawn_file_actions_t (80 bytes). */
  private static final int OPAQUE_BYTES = 1024;

  private static final int SIGSET_BYTES = 128;
  private static final long NONE = 0;

  private Spawn() {}

  /**
   * @param program a descriptor of the program
   * @param inherited descriptors of this process
   * @return the child's process number
   */
  public static int spawn(int program, int... inherited) {
    try (Arena arena = Arena.ofConfined()) {
      long actions = arena.allocate(OPAQUE_BYTES, 16).address();
      long attributes = arena.allocate(OPAQUE_BYTES, 16).address();
      MemorySegment signals = arena.allocate(SIGSET_BYTES, 16);
      check("posix_spawn_file_actions_init", actions, NONE, NONE);
      check("posix_spawnattr_init", attributes, NONE, NONE);
      try {
        // In the child, numbers above all of these are free to be replaced; those from 3 on may be one of these.
        int free = Math.max(program, Arrays.stream(inherited).max().orElse(0)) + FIRST_DESCRIPTOR + inherited.length;
        check("posix_spawn_file_actions_adddup2", actions, program, free);
        for (int i = 0; i < inherited.length; i++) {
          check("posix_spawn_file_actions_adddup2", actions, inherited[i], free + 1 + i);
        }
        for (int i = 0; i < inherited.length; i++) {
          check("posix_spawn_file_actions_adddup2", actions, free + 1 + i, FIRST_DESCRIPTOR + i);
          check("posix_spawn_file_actions_addclose", actions, free + 1 + i, NONE);
        }
        check("posix_spawnattr_setsigmask", attributes, signals.address(), NONE);
        signals.fill((byte) 0xff);
        check("posix_spawnattr_setsigdefault", attributes, signals.address(), NONE);
        int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID;
        check("posix_spawnattr_setflags", attributes, flags, NONE);

        MemorySegment pid = arena.allocate(ValueLayout.JAVA_INT);
        long path = arena.allocateFrom("/proc/self/fd/" + free).address();
        MemorySegment arguments = arena.allocate(16, 8);
        arguments.set(ValueLayout.JAVA_LONG, 0, arena.allocateFrom("enclave").address());
        MemorySegment environment = arena.allocate(8, 8);
        // SAFETY: every pointer is to memory of this arena, of the size and form that posix_spawn(3) asks for.
        int error =
            (int) NativeCode.call(
                function("posix_spawn"), pid.address(), path, actions, attributes, arguments.address(),
                environment.address(), NONE);
        if (error != 0) {
          throw new SyscallException("posix_spawn", error, program);
        }
        return pid.get(ValueLayout.JAVA_INT, 0);
      } finally {
        check("posix_spawnattr_destroy", attributes, NONE, NONE);
        check("posix_spawn_file_actions_destroy", actions, NONE, NONE);
      }
    }
  }

  private static void check(String name, long a, long b, long c) {
    // SAFETY: the functions of spawn.h called here take at most three integers or pointers, all to live memory.
    int error = (int) NativeCode.call(function(name), a, b, c, 0, 0, 0, 0);
    if (error != 0) {
      throw new SyscallException(name, error, a, b, c);
    }
  }

  private static MemorySegment function(String name) {
    return Linker.nativeLinker().defaultLookup().findOrThrow(name);
  }
}
