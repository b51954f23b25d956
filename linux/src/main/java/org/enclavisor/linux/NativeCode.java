package org.enclavisor.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Machine code of our own, and the one way of calling it: seven 64-bit integers in, one out. A single function shape
 * keeps start-up low, for each shape costs the linker about 12 ms. Thread-safe.
 */
final class NativeCode {
  private static final int SYS_MMAP = 9;
  private static final int SYS_MPROTECT = 10;
  private static final int PROT_READ_WRITE = 3;
  private static final int PROT_READ_EXEC = 5;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;

  @SuppressWarnings("restricted")
  private static final MethodHandle CALL =
      // SAFETY: the shape matches every function we call: integer arguments in registers and one on the stack, which
      // a callee with fewer of them ignores (System V ABI, 3.2.3).
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.of(
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_LONG));

  private NativeCode() {}

  /** Calls the function at {@code code}. */
  static long call(MemorySegment code, long a, long b, long c, long d, long e, long f, long g) {
    try {
      // SAFETY: `code` comes from install() only, or is libc's syscall(3).
      return (long) CALL.invokeExact(code, a, b, c, d, e, f, g);
    } catch (RuntimeException | Error e1) {
      throw e1;
    } catch (Throwable t) {
      throw new AssertionError("a native call throws nothing checked", t);
    }
  }

  /** Copies code into memory that is executable and no longer writable, for the life of the JVM. */
  @SuppressWarnings("restricted")
  static MemorySegment install(byte[] code) {
    MemorySegment libc = Linker.nativeLinker().defaultLookup().findOrThrow("syscall");
    long size = (code.length + 4095L) & -4096L;
    // SAFETY: a fresh anonymous mapping, wherever the kernel likes.
    long address = call(libc, SYS_MMAP, 0, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
    if (address == -1) {
      throw new IllegalStateException("mmap of " + size + " bytes for native code failed");
    }
    // SAFETY: exactly the mapping made above; it is never unmapped.
    MemorySegment memory = MemorySegment.ofAddress(address).reinterpret(size, Arena.global(), null);
    memory.copyFrom(MemorySegment.ofArray(code));
    // SAFETY: the same mapping; nobody has its address yet.
    if (call(libc, SYS_MPROTECT, address, size, PROT_READ_EXEC, 0, 0, 0) != 0) {
      throw new IllegalStateException(
          "this machine refuses executable memory to the JVM (mprotect); SELinux execmem or PR_SET_MDWE may forbid it");
    }
    return memory;
  }
}
