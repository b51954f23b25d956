package org.enclavisor.linux.ptrace;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.enclavisor.linux.ChildProcess;
import org.enclavisor.linux.Kernel;
import org.enclavisor.linux.LinuxMachine;
import org.enclavisor.linux.Syscall;
import org.enclavisor.linux.WriteWatch;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.PlatformException;

/**
 * A process that holds nothing but an enclave's memory, and its first thread, the keeper, through which its memory and
 * its threads are changed. Confined to the tracer.
 */
final class EnclaveProcess {
  static final int SYS_PAUSE = 34;
  private static final int PR_SET_DUMPABLE = 4;
  private static final int PR_SET_NO_NEW_PRIVS = 38;
  private static final int SECCOMP_SET_MODE_FILTER = 1;
  private static final int RLIMIT_CORE = 4;
  private static final int RLIMIT_NOFILE = 7;
  private static final int SIG_SETMASK = 2;
  private static final int SIGSET_BYTES = 8;
  /** CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM: an ordinary thread. */
  private static final int CLONE_FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000;

  private static final int[] FAULT_SIGNALS = {
    Kernel.SIGILL, Kernel.SIGTRAP, Kernel.SIGBUS, Kernel.SIGFPE, Kernel.SIGSEGV
  };
  /** The signal that wakes the tracer. Its number says nothing: every signal that is no fault is swallowed. */
  private static final int BELL = Kernel.SIGUSR2;

  private final Ptrace ptrace;
  private final Placement placement;
  private final AddressSpaceLayout layout;
  private final BootPage boot;
  private final int pid;
  private final MemorySegment frames;
  private final MemorySegment enclave;
  private final Arena arena;
  private final UserRegs ordinary;
  private final UserRegs work;
  private Optional<WriteWatch> watch = Optional.empty();
  /** Whether the keeper sleeps in pause(2), and not in a ptrace stop. */
  private boolean bellArmed;

  private EnclaveProcess(Ptrace ptrace, Placement placement, AddressSpaceLayout layout, int pid, Memories memories) {
    this.ptrace = ptrace;
    this.placement = placement;
    this.layout = layout;
    this.pid = pid;
    this.frames = memories.frames();
    this.enclave = memories.enclave();
    this.arena = memories.arena();
    this.boot = new BootPage(placement.bootPage(), layout.processors());
    this.ordinary = new UserRegs(memories.arena());
    this.work = new UserRegs(memories.arena());
  }

  /** The memory that a process shares with this one, as descriptors and as mappings here. */
  record Memories(
      Arena arena, int enclaveFile, int untrustedFile, int framesFile, MemorySegment enclave, MemorySegment frames) {}

  /** Bytes of one thread's area for signal frames: the frame proper, the extended state, the red zone, alignment. */
  static int frameBytes() {
    return (LinuxMachine.INSTANCE.xsaveBytes() + 2 * Kernel.PAGE + Kernel.PAGE - 1) & -Kernel.PAGE;
  }

  /**
   * Starts a process and strips it of everything.
   *
   * @throws PlatformException if the machine refuses, or {@link Ptrace.Gone} if somebody kills it; then the caller has
   *     to reap what there may be
   */
  static EnclaveProcess start(Ptrace ptrace, Placement placement, AddressSpaceLayout layout, Memories memories) {
    byte[] file =
        new BootPage(placement.bootPage(), layout.processors())
            .program(Kernel.getpid(), placement.frames(), frameBytes());
    int program = Kernel.memfdProgram("enclavisor-enclave", file);
    ChildProcess child;
    try {
      child =
          ChildProcess.start(
              "enclavisor-enclave", program, memories.enclaveFile(), memories.untrustedFile(), memories.framesFile());
    } finally {
      Kernel.close(program);
    }
    var process = new EnclaveProcess(ptrace, placement, layout, child.pid(), memories);
    boolean done = false;
    try {
      process.attach();
      process.strip(memories, child.pidfd());
      done = true;
      return process;
    } finally {
      Kernel.close(child.pidfd()); // from now on wait4(2) tells all
      if (!done) {
        process.watch.ifPresent(WriteWatch::close);
        process.kill();
      }
    }
  }

  /** What watches the ELRANGE, if the kernel can; whoever takes it closes it. */
  Optional<WriteWatch> watch() {
    return watch;
  }

  int pid() {
    return pid;
  }

  BootPage boot() {
    return boot;
  }

  /** A byte of the ELRANGE as it is now, −1 for addresses elsewhere. */
  int codeByte(long address) {
    long offset = address - placement.enclave();
    return offset >= 0 && offset < layout.enclaveSize() ? enclave.get(ValueLayout.JAVA_BYTE, offset) & 0xff : -1;
  }

  /** The selectors of an ordinary 64-bit program. */
  UserRegs ordinary() {
    return ordinary;
  }

  /**
   * Traces the process, and waits until it has finished its exec and runs the boot page's instructions. Before that,
   * the end of the exec would overwrite registers.
   */
  private void attach() {
    ptrace.seize(pid);
    while (true) {
      ptrace.interrupt(pid);
      var event = ptrace.await(pid);
      requireStopped(event);
      ptrace.readRegisters(pid, ordinary);
      if (event.stoppedAt(Ptrace.EVENT_STOP) && boot.contains(ordinary.get(UserRegs.RIP))) {
        return;
      }
      ptrace.resume(pid);
    }
  }

  /** Maps the enclave's memory, and takes everything else away; at last the power to change any of that. */
  private void strip(Memories memories, int pidfd) {
    call("rt_sigprocmask", Syscall.RT_SIGPROCMASK, SIG_SETMASK, boot.noSignals(), 0, SIGSET_BYTES, 0, 0);
    for (long[] mapping : otherMappings()) {
      call("munmap", Syscall.MUNMAP, mapping[0], mapping[1], 0, 0, 0, 0);
    }
    int readWrite = Kernel.PROT_READ | Kernel.PROT_WRITE;
    map(placement.enclave(), layout.enclaveSize(), Kernel.PROT_NONE, memories.enclaveFile());
    if (layout.untrustedSize() > 0) {
      map(placement.untrusted(), layout.untrustedSize(), readWrite, memories.untrustedFile());
    }
    map(placement.frames(), frames.byteSize(), readWrite, memories.framesFile());
    long userfault = tryCall(Syscall.USERFAULTFD, WriteWatch.FLAGS);
    if (!Kernel.failed(userfault)) {
      int mine = Kernel.tryPidfdGetfd(pidfd, (int) userfault);
      watch = WriteWatch.of(mine, pid, placement.enclave(), layout.enclaveSize());
    }
    call("close_range", Syscall.CLOSE_RANGE, 0, 0xffff_ffffL, 0, 0, 0, 0);
    limit(RLIMIT_CORE);
    limit(RLIMIT_NOFILE);
    for (int signal : FAULT_SIGNALS) {
      call("rt_sigaction", Syscall.RT_SIGACTION, signal, boot.sigaction(), 0, SIGSET_BYTES, 0, 0);
    }
    call("setsid", Syscall.SETSID, 0, 0, 0, 0, 0, 0);
    call("prctl", Syscall.PRCTL, PR_SET_DUMPABLE, 0, 0, 0, 0, 0);
    call("prctl", Syscall.PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
    call("seccomp", Syscall.SECCOMP, SECCOMP_SET_MODE_FILTER, 0, boot.filter(), 0, 0, 0);
  }

  /** Start and length of all that exec has mapped beside the boot page. The vsyscall page cannot go. */
  private List<long[]> otherMappings() {
    var mappings = new ArrayList<long[]>();
    try {
      for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/maps"))) {
        String[] range = line.substring(0, line.indexOf(' ')).split("-");
        long start = Long.parseUnsignedLong(range[0], 16);
        if (start != boot.address() && start > 0) {
          mappings.add(new long[] {start, Long.parseUnsignedLong(range[1], 16) - start});
        }
      }
    } catch (IOException e) {
      throw new PlatformException("/proc/" + pid + "/maps cannot be read; is /proc mounted?", e);
    }
    return mappings;
  }

  private void map(long address, long length, int protection, int descriptor) {
    int flags = Kernel.MAP_SHARED | Kernel.MAP_FIXED_NOREPLACE | Kernel.MAP_NORESERVE;
    call("mmap", Syscall.MMAP, address, length, protection, flags, descriptor, 0);
  }

  private void limit(int resource) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment zero = arena.allocate(16, 8);
      // SAFETY: the kernel reads a struct rlimit64, two words; it stores nothing.
      long result = Kernel.raw(Syscall.PRLIMIT64, pid, resource, zero.address(), 0, 0, 0);
      Kernel.check("prlimit64", result, pid, resource);
    }
  }

  /** mprotect(2) in the process; other threads may be running. */
  void protect(long offset, long length, int protection) {
    call("mprotect", Syscall.MPROTECT, placement.enclave() + offset, length, protection, 0, 0, 0);
  }

  /** A new thread, stopped, that can take faults. */
  EnclaveThread addThread(int index) {
    muffleBell();
    begin(Syscall.CLONE, CLONE_FLAGS, 0, 0, 0, 0, 0);
    int tid = 0;
    var event = ptrace.await(pid);
    for (; !event.stoppedWith(Kernel.SIGTRAP); event = ptrace.await(pid)) {
      requireStopped(event);
      if (event.stoppedAt(Ptrace.EVENT_CLONE)) {
        tid = ptrace.eventMessage(pid);
      }
      ptrace.resume(pid);
    }
    result("clone");
    requireStopped(ptrace.await(tid));

    MemorySegment frame = frames.asSlice((long) index * frameBytes(), frameBytes());
    long frameAddress = placement.frames() + (long) index * frameBytes();
    var thread = new EnclaveThread(arena, ptrace, this, tid, frame, frameAddress);
    thread.prepare(boot.signalStack(index));
    return thread;
  }

  /** Lets the keeper sleep where a signal wakes it, and with it the tracer. */
  void armBell() {
    if (!bellArmed) {
      begin(SYS_PAUSE, 0, 0, 0, 0, 0, 0);
      bellArmed = true;
    }
  }

  /** Wakes the tracer out of its wait. Called by any thread; the process must not have been reaped. */
  static void ring(int pid) {
    Kernel.tgkill(pid, pid, BELL);
  }

  /** What a stop of the keeper means when nothing was asked of it: the bell has rung. */
  void bellRang() {
    bellArmed = false;
  }

  /** Looks whether the keeper is there. */
  void requireAlive() {
    muffleBell();
    ptrace.readRegisters(pid, work);
  }

  private void muffleBell() {
    if (bellArmed) {
      ptrace.interrupt(pid);
      requireStopped(ptrace.await(pid));
      bellArmed = false;
    }
  }

  /** A system call of the keeper, which must not fail. */
  private long call(String name, int number, long a, long b, long c, long d, long e, long f) {
    muffleBell();
    begin(number, a, b, c, d, e, f);
    finish(ptrace, pid);
    return result(name, a, b, c, d, e, f);
  }

  /** A system call of the keeper, which may fail. */
  private long tryCall(int number, long a) {
    muffleBell();
    begin(number, a, 0, 0, 0, 0, 0);
    finish(ptrace, pid);
    ptrace.readRegisters(pid, work);
    return work.get(UserRegs.RAX);
  }

  private void begin(int number, long a, long b, long c, long d, long e, long f) {
    prepareCall(work, number, a, b, c, d, e, f);
    ptrace.writeRegisters(pid, work);
    ptrace.resume(pid);
  }

  /** Fills registers so that a thread will make a system call and then trap. */
  void prepareCall(UserRegs registers, int number, long a, long b, long c, long d, long e, long f) {
    registers.clear(ordinary);
    registers.set(UserRegs.RIP, boot.gadget());
    registers.set(UserRegs.RAX, number);
    registers.set(UserRegs.RDI, a);
    registers.set(UserRegs.RSI, b);
    registers.set(UserRegs.RDX, c);
    registers.set(UserRegs.R10, d);
    registers.set(UserRegs.R8, e);
    registers.set(UserRegs.R9, f);
  }

  /** Waits for the trap behind a system call; whatever else stops the thread meanwhile is passed over. */
  static void finish(Ptrace ptrace, int tid) {
    var event = ptrace.await(tid);
    for (; !event.stoppedWith(Kernel.SIGTRAP); event = ptrace.await(tid)) {
      requireStopped(event);
      ptrace.resume(tid);
    }
  }

  private long result(String name, long... arguments) {
    ptrace.readRegisters(pid, work);
    if (work.get(UserRegs.RIP) != boot.afterGadget()) {
      throw new PlatformException(name + " in the enclave process came to 0x%x".formatted(work.get(UserRegs.RIP)));
    }
    return Kernel.check(name + " in the enclave process", work.get(UserRegs.RAX), arguments);
  }

  private static void requireStopped(Ptrace.Event event) {
    if (!event.stopped()) {
      throw new Ptrace.Gone(event.end());
    }
  }

  /** Kills the process, if it still lives. */
  void kill() {
    Kernel.tgkill(pid, pid, Kernel.SIGKILL);
  }

  /** Waits until every thread of a killed process is gone; how the first one ended. */
  Optional<String> reap() {
    Optional<String> end = Optional.empty();
    for (var next = ptrace.awaitAny(); next.isPresent(); next = ptrace.awaitAny()) {
      if (!next.get().stopped() && end.isEmpty()) {
        end = Optional.of(next.get().end());
      }
    }
    return end;
  }
}
