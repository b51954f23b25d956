package org.enclavisor.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * What an enclave process does before it is locked: a table of system calls with the results they must have, carried
 * out one after the other by {@link StubProgram}. A result that is wrong ends the process, with the step's number as
 * its exit status.
 */
final class StartScript {
  private static final int DATA = 0x6000;
  private static final int LAST_FD = -1;
  private static final long SA_RESTORER = 0x0400_0000;

  /** SA_SIGINFO, SA_ONSTACK, SA_NODEFER; the kernel insists on a restorer, to which nobody ever returns. */
  private static final long HANDLER_FLAGS = 0x4 | 0x0800_0000 | 0x4000_0000 | SA_RESTORER;

  private static final long SIG_IGN = 1;
  private static final int SIGNALS = 64;

  /** What the script has to know. */
  record Inputs(
      StubLayout layout,
      StubProgram program,
      StubBlock block,
      int parent,
      int cookie,
      StubFiles files) {}

  private static final int PR_SET_PDEATHSIG = 1;
  private static final int PR_SET_NO_NEW_PRIVS = 38;
  private static final int SECCOMP_SET_MODE_FILTER = 1;
  private static final int SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;
  private static final int F_DUPFD = 0;
  private static final int SIG_SETMASK = 2;
  private static final int RLIMIT_CORE = 4;
  private static final int RLIMIT_MEMLOCK = 8;
  private static final int RLIMIT_MSGQUEUE = 12;
  private static final int RLIMIT_AS = 9;

  /** Room beside what is mapped at the start, for pages that replace others. */
  private static final long ADDRESS_SPACE_SLACK = 1L << 24;

  private final Inputs in;
  private final long address;
  private final ByteBuffer bytes;
  private final List<String> names = new ArrayList<>();
  private int step = 1;
  private int data = DATA;
  private int listener;

  private StartScript(Inputs in) {
    this.in = in;
    this.address = in.layout.stub() + StubLayout.SCRIPT;
    this.bytes = ByteBuffer.allocate(StubLayout.SCRIPT_BYTES).order(ByteOrder.LITTLE_ENDIAN);
  }

  static StartScript of(Inputs inputs) {
    StartScript script = new StartScript(inputs);
    script.bytes.putLong(0, (long) inputs.cookie << 32);
    script.family();
    script.descriptors();
    script.memory();
    script.signals();
    script.limits();
    script.lock();
    script.bytes.putLong(script.step * StubProgram.STEP_BYTES, StubProgram.END);
    return script;
  }

  byte[] toBytes() {
    return bytes.array();
  }

  /** The number that the seccomp listener's descriptor will have in the process. */
  int listener() {
    return listener;
  }

  /** Why the process ended, with the name of the step that failed. */
  String explain(StubProcess process) {
    int status = process.exitStatus();
    return status >= 0 && status < names.size()
        ? "step " + status + ", " + names.get(status) + ", failed"
        : String.valueOf(process.death());
  }

  private void family() {
    step("prctl(PR_SET_PDEATHSIG)", StubProgram.NO_ERROR, Syscall.PRCTL, PR_SET_PDEATHSIG, Kernel.SIGKILL);
    step("getppid, whether the JVM still lives", in.parent, Syscall.GETPPID);
    step("setsid", StubProgram.ANY, Syscall.SETSID);
    long none = data(new byte[8]);
    step("rt_sigprocmask", StubProgram.NO_ERROR, Syscall.RT_SIGPROCMASK, SIG_SETMASK, none, 0, 8);
  }

  private int[] kept() {
    StubFiles f = in.files;
    return IntStream.of(f.program, f.stub, f.enclave, f.untrusted, f.patches).sorted().toArray();
  }

  /** The number that the process's userfaultfd will have in it, if there is one. */
  int userfault() {
    int[] kept = kept();
    return kept[kept.length - 1] + 1;
  }

  /** The number that the next descriptor gets if these are open. */
  private static int lowestBut(int... open) {
    int fd = 0;
    while (IntStream.of(open).anyMatch(isIt(fd))) {
      fd++;
    }
    return fd;
  }

  private void descriptors() {
    int from = 0;
    for (int fd : kept()) {
      if (fd > from) {
        step("close_range", StubProgram.NO_ERROR, Syscall.CLOSE_RANGE, from, fd - 1);
      }
      from = fd + 1;
    }
    step("close_range", StubProgram.NO_ERROR, Syscall.CLOSE_RANGE, from, Integer.toUnsignedLong(LAST_FD));
  }

  private void memory() {
    StubLayout at = in.layout;
    long end = at.stub() + at.stubBytes();
    step("munmap of what lies below", StubProgram.NO_ERROR, Syscall.MUNMAP, 0, at.stub());
    long loaded = at.stub() + StubLayout.SCRIPT + StubLayout.SCRIPT_BYTES;
    step("munmap of what lies above", StubProgram.NO_ERROR, Syscall.MUNMAP, loaded, StubLayout.TASK_END - loaded);
    int readExec = Kernel.PROT_READ | Kernel.PROT_EXEC;
    int readWrite = Kernel.PROT_READ | Kernel.PROT_WRITE;
    int shared = Kernel.MAP_SHARED | Kernel.MAP_FIXED | Kernel.MAP_NORESERVE;
    map("trampolines", at.stub() + StubLayout.TRAMPOLINES, Kernel.PAGE, readExec, shared, in.files.stub,
        StubLayout.TRAMPOLINES);
    map("orders", at.stub() + StubLayout.ORDERS, StubLayout.SCRIPT - StubLayout.ORDERS, Kernel.PROT_READ, shared,
        in.files.stub, StubLayout.ORDERS);
    long blocks = at.stub() + StubLayout.BLOCKS;
    map("blocks", blocks, end - blocks, readWrite, shared, in.files.stub, StubLayout.BLOCKS);
    for (int i = 0; i < at.processors(); i++) {
      map("text of block " + i, at.block(i), StubLayout.BLOCK_TEXT_BYTES, readExec,
          Kernel.MAP_PRIVATE | Kernel.MAP_FIXED, in.files.program, StubLayout.COMMON_TEXT_BYTES);
    }
    map("ELRANGE", at.enclave(), at.enclaveBytes(), Kernel.PROT_NONE, shared, in.files.enclave, 0);
    if (at.untrustedBytes() > 0) {
      map("untrusted memory", at.untrusted(), at.untrustedBytes(), readWrite, shared, in.files.untrusted, 0);
    }
    // Where the kernel allows none, these three come to nothing, and the next step finds what it would anyhow.
    int lowest = lowestBut(kept());
    step("userfaultfd", StubProgram.ANY, Syscall.USERFAULTFD, WriteWatch.FLAGS);
    step("fcntl", StubProgram.ANY, Syscall.FCNTL, lowest, F_DUPFD, userfault());
    step("close", StubProgram.ANY, Syscall.CLOSE, lowest);
    for (int fd : new int[] {in.files.program, in.files.untrusted}) {
      step("close", StubProgram.NO_ERROR, Syscall.CLOSE, fd);
    }
  }

  private void signals() {
    ByteBuffer action = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
    action.putLong(in.program.signalEntry()).putLong(HANDLER_FLAGS).putLong(0).putLong(0);
    long at = data(action.array());
    for (int signal : StubProcess.SIGNALS) {
      step("rt_sigaction " + Kernel.signalName(signal), StubProgram.NO_ERROR, Syscall.RT_SIGACTION, signal, at, 0, 8);
    }
    // Everything else is for the JVM to answer: who tells a whole service to end shall not end enclaves before it.
    ByteBuffer ignore = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
    long ignoring = data(ignore.putLong(SIG_IGN).putLong(SA_RESTORER).array());
    for (int signal = 1; signal <= SIGNALS; signal++) {
      if (IntStream.of(StubProcess.SIGNALS).noneMatch(isIt(signal))
          && signal != Kernel.SIGKILL
          && signal != Kernel.SIGSTOP) {
        step("rt_sigaction " + signal, StubProgram.NO_ERROR, Syscall.RT_SIGACTION, signal, ignoring, 0, 8);
      }
    }
  }

  private static IntPredicate isIt(int signal) {
    return s -> s == signal;
  }

  private void limits() {
    StubLayout at = in.layout;
    long space = at.enclaveBytes() + at.untrustedBytes() + at.stubBytes() + ADDRESS_SPACE_SLACK;
    limit("RLIMIT_CORE", RLIMIT_CORE, 0);
    limit("RLIMIT_MEMLOCK", RLIMIT_MEMLOCK, 0);
    limit("RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE, 0);
    limit("RLIMIT_AS", RLIMIT_AS, space);
  }

  private void lock() {
    byte[] filter = SeccompFilter.of(in.layout, in.program, in.block, in.cookie);
    ByteBuffer program = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    program.putShort(0, (short) (filter.length / SeccompFilter.INSTRUCTION_BYTES)).putLong(8, data(filter));
    long at = data(program.array());
    listener = lowestBut(in.files.enclave, in.files.patches, in.files.stub);
    step("prctl(PR_SET_NO_NEW_PRIVS)", StubProgram.NO_ERROR, Syscall.PRCTL, PR_SET_NO_NEW_PRIVS, 1);
    step("seccomp with a listener", listener, Syscall.SECCOMP, SECCOMP_SET_MODE_FILTER,
        SECCOMP_FILTER_FLAG_NEW_LISTENER, at);
  }

  private void map(String what, long at, long length, int protection, int flags, int fd, long offset) {
    step("mmap of " + what, at, Syscall.MMAP, at, length, protection, flags, fd, offset);
  }

  private void limit(String name, int resource, long value) {
    ByteBuffer limit = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    limit.putLong(value).putLong(value);
    step("prlimit64 " + name, StubProgram.NO_ERROR, Syscall.PRLIMIT64, 0, resource, data(limit.array()));
  }

  private void step(String name, long expected, int number, long... arguments) {
    long[] six = Arrays.copyOf(arguments, 6);
    int at = step++ * StubProgram.STEP_BYTES;
    if (at + 2 * StubProgram.STEP_BYTES > DATA) {
      throw new IllegalStateException("the start script has too many steps: " + step);
    }
    bytes.putLong(at, number);
    for (int i = 0; i < six.length; i++) {
      bytes.putLong(at + 8 + 8 * i, six[i]);
    }
    bytes.putLong(at + 56, expected);
    names.add(name);
  }

  private long data(byte[] content) {
    int at = data;
    bytes.position(at).put(content);
    data = (at + content.length + 15) & -16;
    return address + at;
  }
}
