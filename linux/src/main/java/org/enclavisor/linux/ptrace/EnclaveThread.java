package org.enclavisor.linux.ptrace;


import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.enclavisor.linux.Kernel;
import org.enclavisor.linux.SignalFrame;
import org.enclavisor.linux.Syscall;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.Registers;

/**
 * A thread of an enclave process that runs enclave code: puts an entry's registers into it, lets it run, and tells from
 * its stops how enclave code ended. Confined to the tracer.
 */
final class EnclaveThread {
  private static final int SYSCALL_LENGTH = 2;
  private static final int UNDEFINED = 6;
  private static final int BREAKPOINT = 3;
  private static final int GENERAL_PROTECTION = 13;
  private static final int PAGE_FAULT = 14;
  private static final int FETCH_BY_PROGRAM = 0x14;
  private static final int INT3 = 0xcc;
  private static final Exit MALFORMED = new Exit.Fault(GENERAL_PROTECTION, 0, 0);

  /** An entry: what goes in and out, which of all entries it is, and where extended state is exchanged. */
  record Entry(long number, Registers registers, Extended extended, MemorySegment area) {}

  private final Ptrace ptrace;
  private final EnclaveProcess process;
  private final int tid;
  private final MemorySegment frame;
  private final long frameAddress;
  private final UserRegs work;
  private final ExtendedArea extended;
  /** Whether the thread's extended state was lost and has to be restored before it runs. */
  private boolean restore;

  private boolean interruptAsked;

  EnclaveThread(
      Arena arena, Ptrace ptrace, EnclaveProcess process, int tid, MemorySegment frame, long frameAddress) {
    this.ptrace = ptrace;
    this.process = process;
    this.tid = tid;
    this.frame = frame;
    this.frameAddress = frameAddress;
    this.work = new UserRegs(arena);
    this.extended = new ExtendedArea(arena, ptrace, tid);
  }

  int tid() {
    return tid;
  }

  /** Gives a new thread its alternate signal stack, which a {@code stack_t} of the boot page's table names. */
  void prepare(long signalStack) {
    process.prepareCall(work, Syscall.SIGALTSTACK, signalStack, 0, 0, 0, 0, 0);
    ptrace.writeRegisters(tid, work);
    ptrace.resume(tid);
    EnclaveProcess.finish(ptrace, tid);
    ptrace.readRegisters(tid, work);
    Kernel.check("sigaltstack in the enclave process", work.get(UserRegs.RAX), signalStack);
  }

  /** Makes it a thread that has never run. */
  void reset() {
    extended.reset();
    restore = true;
  }

  /** Lets the thread run. A value means that it cannot: the exit is what the entry comes to. */
  Optional<Exit> enter(Entry entry) {
    interruptAsked = false;
    switch (entry.extended) {
      case LOAD -> {
        if (!extended.load(entry.area)) {
          return Optional.of(MALFORMED);
        }
        restore = false;
      }
      case KEEP -> {
        if (restore) {
          extended.restore();
          restore = false;
        }
      }
    }
    work.load(entry.registers, process.ordinary());
    if (!ptrace.writeRegisters(tid, work)) {
      return Optional.of(MALFORMED);
    }
    ptrace.resumeWithoutSyscalls(tid);
    return Optional.empty();
  }

  /** What an entry comes to while everything stands still: it is interrupted before its first instruction. */
  Exit standStill(Entry entry) {
    if (entry.extended == Extended.KEEP) {
      extended.initial(entry.area);
    }
    return Exit.Interrupt.INSTANCE;
  }

  /** Makes a thread that runs stop soon. */
  void askInterrupt() {
    interruptAsked = true;
    ptrace.interrupt(tid);
  }

  /** What a stop means: the exit, with the entry's registers set; or nothing, and the thread runs on. */
  Optional<Exit> stopped(Ptrace.Event event, Entry entry) {
    if (event.stoppedAt(Ptrace.EVENT_STOP)) {
      // An exception of the last instruction may not have been reported yet. It comes first: it belongs to these
      // registers, and would otherwise meet those of the next entry.
      return interruptAsked && !ptrace.hasPendingSignal(tid) ? Optional.of(interrupted(entry)) : goOn();
    }
    if (event.stoppedWith(Ptrace.SYSCALL_STOP)) {
      return Optional.of(systemCall(entry));
    }
    if (event.event() != 0 || !ptrace.isFromKernel(tid)) {
      // Somebody's kill(2), which means nothing to enclave code; it may have kept an interrupt from being told.
      if (interruptAsked) {
        ptrace.interrupt(tid);
      }
      return goOn();
    }
    ptrace.readRegisters(tid, work);
    work.store(entry.registers);
    if (event.signal() == Kernel.SIGILL && isEnclu(entry.registers.rip)) {
      return Optional.of(Exit.Enclu.INSTANCE);
    }
    return Optional.of(fault(event.signal(), entry));
  }

  private Optional<Exit> goOn() {
    ptrace.resumeWithoutSyscalls(tid);
    return Optional.empty();
  }

  private Exit interrupted(Entry entry) {
    ptrace.readRegisters(tid, work);
    work.store(entry.registers);
    extended.capture(entry.area);
    return Exit.Interrupt.INSTANCE;
  }

  /** The kernel has kept RAX aside, and moved RIP behind the instruction; both forms of it are two bytes long. */
  private Exit systemCall(Entry entry) {
    ptrace.readRegisters(tid, work);
    work.store(entry.registers);
    entry.registers.rax = work.get(UserRegs.ORIG_RAX);
    entry.registers.rip -= SYSCALL_LENGTH;
    extended.capture(entry.area);
    return unlessInBootPage(new Exit.Fault(UNDEFINED, 0, 0), entry.registers.rip);
  }

  private boolean isEnclu(long rip) {
    return process.codeByte(rip) == 0x0f && process.codeByte(rip + 1) == 0x01 && process.codeByte(rip + 2) == 0xd7;
  }

  private Exit fault(int signal, Entry entry) {
    extended.capture(entry.area);
    Exit.Fault fault = signal == Kernel.SIGILL ? new Exit.Fault(UNDEFINED, 0, 0) : explain(signal);
    if (fault.vector() == BREAKPOINT) {
      boolean oneByte = process.codeByte(entry.registers.rip - 1) == INT3;
      entry.registers.rip -= oneByte ? 1 : 2; // INT3, or INT with the number 3
    }
    return unlessInBootPage(fault, entry.registers.rip);
  }

  /**
   * Has the kernel deliver the signal, for the frame that it writes is the only place where it tells vector and error
   * code. The thread is stopped again before it executes anything; its registers are gone then, and its extended state
   * is the initial one. The frame gets registers without content, so that nothing of the enclave's is written there
   * but extended state.
   */
  private Exit.Fault explain(int signal) {
    work.clear(process.ordinary());
    work.set(UserRegs.RIP, process.boot().handler());
    ptrace.writeRegisters(tid, work);
    ptrace.stepInto(tid, signal);
    restore = true;
    var event = ptrace.await(tid);
    if (!event.stopped()) {
      throw new Ptrace.Gone(event.end());
    }
    ptrace.readRegisters(tid, work);
    boolean atHandler = event.stoppedWith(Kernel.SIGTRAP) && work.get(UserRegs.RIP) == process.boot().handler();
    return SignalFrame.fault(frame, work.get(UserRegs.RDX) - frameAddress)
        .filter(fault -> atHandler)
        .orElseThrow(() -> new Ptrace.Gone("the kernel wrote no signal frame: " + event));
  }

  /** To enclave code the boot page does not exist: RIP there is a fetch from nowhere. */
  private Exit unlessInBootPage(Exit.Fault fault, long rip) {
    return process.boot().contains(rip) ? new Exit.Fault(PAGE_FAULT, FETCH_BY_PROGRAM, rip) : fault;
  }
}
