package org.enclavisor.linux.ptrace;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Optional;
import org.enclavisor.linux.Errno;
import org.enclavisor.linux.Kernel;
import org.enclavisor.linux.Syscall;

/**
 * ptrace(2) and wait4(2) with the buffers they need. Confined to the thread that traces: the kernel refuses every other
 * one. A call for a thread that is gone throws {@link Gone}.
 */
final class Ptrace {
  private static final int CONT = 7;
  private static final int SINGLESTEP = 9;
  private static final int GETREGS = 12;
  private static final int SETREGS = 13;
  private static final int SYSEMU = 31;
  private static final int GETEVENTMSG = 0x4201;
  private static final int GETSIGINFO = 0x4202;
  private static final int GETREGSET = 0x4204;
  private static final int SETREGSET = 0x4205;
  private static final int SEIZE = 0x4206;
  private static final int INTERRUPT = 0x4207;
  private static final int PEEKSIGINFO = 0x4209;

  private static final int O_TRACESYSGOOD = 1;
  private static final int O_TRACECLONE = 1 << 3;
  private static final int O_TRACEEXEC = 1 << 4;
  private static final int O_EXITKILL = 1 << 20;

  private static final int NT_X86_XSTATE = 0x202;
  private static final int WNOTHREAD = 0x2000_0000;
  private static final int SIGINFO_BYTES = 128;
  private static final int SIGINFO_CODE = 8;

  /** The thread that was to be worked on does not exist any more: somebody killed its process. */
  static final class Gone extends RuntimeException {
    private static final long serialVersionUID = 1;

    Gone(String call) {
      super(call, null, false, false);
    }
  }

  /** What wait4 reported: a thread that stopped or ended. */
  record Event(int tid, int status) {
    boolean stopped() {
      return (status & 0xff) == 0x7f;
    }

    /** The signal that a stop is about; {@link #SYSCALL_STOP} for a system call. */
    int signal() {
      return status >> 8 & 0xff;
    }

    /** PTRACE_EVENT_…, 0 where it is none. */
    int event() {
      return status >> 16;
    }

    boolean stoppedWith(int signal) {
      return stopped() && signal() == signal && event() == 0;
    }

    boolean stoppedAt(int event) {
      return stopped() && event() == event;
    }

    /** How a thread ended, for a person. */
    String end() {
      int signal = status & 0x7f;
      return signal == 0
          ? "the enclave process exited with status " + (status >> 8 & 0xff)
          : "the enclave process was killed by " + Kernel.signalName(signal);
    }
  }

  static final int SYSCALL_STOP = Kernel.SIGTRAP | 0x80;
  static final int EVENT_CLONE = 3;
  static final int EVENT_STOP = 128;

  private final ArrayDeque<Event> kept = new ArrayDeque<>();
  private final MemorySegment status;
  private final MemorySegment siginfo;
  private final MemorySegment message;
  private final MemorySegment vector;

  Ptrace(Arena arena) {
    status = arena.allocate(ValueLayout.JAVA_INT);
    siginfo = arena.allocate(SIGINFO_BYTES, 8);
    message = arena.allocate(ValueLayout.JAVA_LONG);
    vector = arena.allocate(16, 8);
  }

  private static long request(int request, int tid, long address, long data) {
    // SAFETY: addresses are those of live segments of the size that the request has, made in this class.
    long result = Kernel.raw(Syscall.PTRACE, request, tid, address, data, 0, 0);
    if (result == -Errno.ESRCH) {
      throw new Gone("ptrace");
    }
    return result;
  }

  private static void check(String name, int request, int tid, long address, long data) {
    Kernel.check(name, request(request, tid, address, data), tid);
  }

  /** Starts tracing; the thread dies with the tracer, and so do all that it clones. */
  void seize(int tid) {
    check("PTRACE_SEIZE", SEIZE, tid, 0, O_EXITKILL | O_TRACESYSGOOD | O_TRACECLONE | O_TRACEEXEC);
  }

  /** Makes a thread stop with {@link #EVENT_STOP}, now or when it is let run the next time. */
  void interrupt(int tid) {
    check("PTRACE_INTERRUPT", INTERRUPT, tid, 0, 0);
  }

  /** Lets a thread run, system calls included. */
  void resume(int tid) {
    check("PTRACE_CONT", CONT, tid, 0, 0);
  }

  /** Lets a thread run until it tries a system call, which is then reported and not performed. */
  void resumeWithoutSyscalls(int tid) {
    check("PTRACE_SYSEMU", SYSEMU, tid, 0, 0);
  }

  /** Delivers the signal that a thread stopped with and stops it before the handler's first instruction. */
  void stepInto(int tid, int signal) {
    check("PTRACE_SINGLESTEP", SINGLESTEP, tid, 0, signal);
  }

  void readRegisters(int tid, UserRegs registers) {
    check("PTRACE_GETREGS", GETREGS, tid, 0, registers.address());
  }

  /** False where a value is one that no program can have, such as a segment base in the kernel's half. */
  boolean writeRegisters(int tid, UserRegs registers) {
    long result = request(SETREGS, tid, 0, registers.address());
    if (result == -Errno.EIO) {
      return false;
    }
    Kernel.check("PTRACE_SETREGS", result, tid);
    return true;
  }

  /** Reads the extended state into an area, as far as that reaches; the bytes that the kernel has. */
  int readExtended(int tid, MemorySegment area) {
    vector.set(ValueLayout.JAVA_LONG, 0, area.address());
    vector.set(ValueLayout.JAVA_LONG, 8, area.byteSize());
    check("PTRACE_GETREGSET", GETREGSET, tid, NT_X86_XSTATE, vector.address());
    return (int) vector.get(ValueLayout.JAVA_LONG, 8);
  }

  /** False where XRSTOR would refuse the area. */
  boolean writeExtended(int tid, MemorySegment area) {
    vector.set(ValueLayout.JAVA_LONG, 0, area.address());
    vector.set(ValueLayout.JAVA_LONG, 8, area.byteSize());
    long result = request(SETREGSET, tid, NT_X86_XSTATE, vector.address());
    if (result == -Errno.EINVAL) {
      return false;
    }
    Kernel.check("PTRACE_SETREGSET", result, tid);
    return true;
  }

  /** Whether the signal that a thread stopped with comes from the kernel, and not from somebody's kill(2). */
  boolean isFromKernel(int tid) {
    check("PTRACE_GETSIGINFO", GETSIGINFO, tid, 0, siginfo.address());
    return siginfo.get(ValueLayout.JAVA_INT, SIGINFO_CODE) > 0;
  }

  /** Whether a signal waits to be reported, such as that of an exception. */
  boolean hasPendingSignal(int tid) {
    vector.set(ValueLayout.JAVA_LONG, 0, 0); // struct ptrace_peeksiginfo_args: from the first, the thread's own, one
    vector.set(ValueLayout.JAVA_INT, 8, 0);
    vector.set(ValueLayout.JAVA_INT, 12, 1);
    long count = request(PEEKSIGINFO, tid, vector.address(), siginfo.address());
    return Kernel.check("PTRACE_PEEKSIGINFO", count, tid) > 0;
  }

  /** What belongs to an event: of a clone, the new thread's number. */
  int eventMessage(int tid) {
    check("PTRACE_GETEVENTMSG", GETEVENTMSG, tid, 0, message.address());
    return (int) message.get(ValueLayout.JAVA_LONG, 0);
  }

  /**
   * Waits for one thread; what happens to others meanwhile is kept for those who wait for them. The kernel is asked
   * about all: of a process that was killed it does not report the first thread before the others have been waited for.
   */
  Event await(int tid) {
    for (Event event : kept) {
      if (event.tid() == tid) {
        kept.remove(event);
        return event;
      }
    }
    while (true) {
      Event event = next().orElseThrow(() -> new Gone("wait4"));
      if (event.tid() == tid) {
        return event;
      }
      if (!event.stopped()) { // no thread ends by itself: the process has been killed
        throw new Gone(event.end());
      }
      kept.add(event);
    }
  }

  /** Waits for any thread that this one traces; empty when there is none left. */
  Optional<Event> awaitAny() {
    return kept.isEmpty() ? next() : Optional.of(kept.remove());
  }

  private Optional<Event> next() {
    long result;
    do {
      result = Kernel.wait4(-1, status, Kernel.WALL | WNOTHREAD);
    } while (result == -Errno.EINTR);
    if (result == -Errno.ECHILD) {
      return Optional.empty();
    }
    return Optional.of(new Event((int) Kernel.check("wait4", result), status.get(ValueLayout.JAVA_INT, 0)));
  }
}
