package org.enclavisor.linux;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.PlatformException;
import org.jspecify.annotations.Nullable;

/**
 * An enclave process that has been started and can do nothing any more but what it is for, with all that belongs to it.
 *
 * @param layout where everything lies in it
 * @param program its common text
 * @param files its memory files; of the JVM's descriptors only the ELRANGE's is still open
 * @param memory the JVM's mappings of them
 * @param process the process itself
 * @param steward who makes its system calls to order
 * @param watch what tells which pages of its ELRANGE it has written, if the kernel can
 */
record LockedProcess(
    StubLayout layout,
    StubProgram program,
    StubFiles files,
    StubMemory memory,
    StubProcess process,
    Steward steward,
    Optional<WriteWatch> watch) {

  private static final int PR_SET_DUMPABLE = 4;
  private static final long START_PATIENCE_NANOS = 10_000_000_000L;
  private static final long POLL_NANOS = 20_000;

  /**
   * Starts a process and locks it up.
   *
   * @throws PlatformException if the machine refuses; nothing is left then
   */
  static LockedProcess start(StubPlatform platform, AddressSpaceLayout wanted) {
    LinuxMachine machine = LinuxMachine.INSTANCE;
    StubLayout layout = StubLayout.of(wanted, machine.xsaveBytes());
    StubBlock block = new StubBlock(layout, machine.xcr0());
    int cookie = Kernel.random();
    StubFiles files = new StubFiles(layout);
    StubProgram program = new StubProgram(layout, block, files.stub);
    StubMemory memory = null;
    StubProcess process = null;
    Steward steward = null;
    Optional<WriteWatch> watch = Optional.empty();
    boolean done = false;
    try {
      memory = StubMemory.map(layout, files);
      StartScript script =
          StartScript.of(new StartScript.Inputs(layout, program, block, Kernel.getpid(), cookie, files));
      Kernel.fill(files.program, elf(layout, program, block, script));
      process = platform.keeper().start(() -> start(files));
      awaitLocked(process, memory, layout, script);
      int listener = Kernel.pidfdGetfd(process.pidfd(), script.listener());
      memory.prepareThreadFilter(layout);
      steward =
          new Steward(process, listener, layout, memory.stub(), program.stewardSite(), cookie,
              StewardWaiting.of(platform.options().waiting(), process.pid()));
      steward.require("close", Syscall.CLOSE, script.listener());
      watch = WriteWatch.of(
          Kernel.tryPidfdGetfd(process.pidfd(), script.userfault()), process.pid(), layout.enclave(),
          layout.enclaveBytes());
      steward.order(Syscall.CLOSE, script.userfault()); // which there may be none of
      steward.require("prctl(PR_SET_DUMPABLE)", Syscall.PRCTL, PR_SET_DUMPABLE, 0);
      steward.require("munmap", Syscall.MUNMAP, layout.stub() + StubLayout.SCRIPT, StubLayout.SCRIPT_BYTES);
      files.closeButEnclave();
      done = true;
      return new LockedProcess(layout, program, files, memory, process, steward, watch);
    } finally {
      if (!done) {
        watch.ifPresent(WriteWatch::close);
        undo(process, steward, memory, files);
      }
    }
  }

  private static void undo(
      @Nullable StubProcess process, @Nullable Steward steward, @Nullable StubMemory memory, StubFiles files) {
    if (process != null) {
      process.kill("its start failed");
      process.awaitEnd();
    }
    if (steward != null) {
      steward.close();
    }
    if (memory != null) {
      memory.close();
    }
    files.close();
  }

  private static StubProcess start(StubFiles f) {
    return new StubProcess(
        ChildProcess.start("enclavisor-enclave", f.program, f.program, f.stub, f.enclave, f.untrusted, f.patches));
  }

  private static byte[] elf(StubLayout layout, StubProgram program, StubBlock block, StartScript script) {
    return ElfFile.of(
        layout.stub(),
        program.entry(),
        program.text(),
        block.text(),
        layout.stub() + StubLayout.SCRIPT,
        script.toBytes());
  }

  /** No enclave code has run yet: the word can be trusted. */
  private static void awaitLocked(StubProcess process, StubMemory memory, StubLayout layout, StartScript script) {
    MemorySegment mailbox = memory.block(layout, 0).asSlice(StubLayout.MAILBOX);
    long deadline = System.nanoTime() + START_PATIENCE_NANOS;
    while ((int) Mailbox.INT.getAcquire(mailbox, (long) Mailbox.READY) == 0) {
      if (process.death() != null) {
        throw new PlatformException("the enclave process did not start: " + script.explain(process));
      }
      if (System.nanoTime() - deadline > 0) {
        throw new PlatformException("the enclave process did not start within 10 s");
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
  }
}
