package org.enclavisor.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.Registers;

/**
 * One thread of an enclave process, and the JVM's end of its mailbox. {@link #enter} belongs to one thread at a time,
 * {@link #interrupt} and {@link #close} to any.
 */
final class StubProcessor implements LogicalProcessor {
  private static final VarHandle INSIDE;

  static {
    try {
      INSIDE = MethodHandles.lookup().findVarHandle(StubProcessor.class, "inside", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final int TF = 1 << 8;

  /**
   * CF, PF, AF, ZF, SF, TF, DF, OF, NT, AC, ID: what user code may set. Bit 1 and IF are always set. RF, which every
   * fault sets in the flags it saves, is left out: only a debugger's breakpoints would need it.
   */
  private static final long USER_FLAGS = 0x0024_4DD5L;

  private static final long FIXED_FLAGS = 0x202;

  /** SF, ZF, AF, PF and CF, as LAHF brings them. */
  private static final int LAHF_FLAGS = 0xD5;

  private static final long OVERFLOW = 0x800;
  private static final int EEXIT = 4;
  private static final int INVALID_OPCODE = 6;
  private static final int GENERAL_PROTECTION = 13;
  private static final int SINGLE_STEP = 1;
  private static final int BREAKPOINT = 3;
  private static final int SYSCALL_BYTES = 2;
  private static final int POLLS_BEFORE_PARKING = 2000;
  private static final long PARK_NANOS = 50_000;

  private static final ExtendedState INITIAL = new ExtendedState(LinuxMachine.INSTANCE);

  private final StubAddressSpace space;
  private final int index;
  private final int tid;
  private final MemorySegment mailbox;
  private final long controlAddress;
  private final long blockAddress;
  private final long mailboxInEnclave;
  private final int xsaveBytes;
  private final ExtendedState extended;
  private final Waiting waiting;
  private final Object interruptLock = new Object();

  private volatile boolean inside;
  private volatile boolean interrupting;
  private volatile boolean closed;
  private volatile long ownedBase = BaseTable.nobody();
  private volatile long currentBase;

  /** Where the extended state of the last trap lies in the mailbox's block, or 0 if it is still in the registers. */
  private long trapState;

  /** Nothing has run yet: the registers may hold what another processor on this thread has left. */
  private boolean fresh = true;

  StubProcessor(StubAddressSpace space, int index, int tid, MemorySegment block, WaitPolicy policy) {
    this.space = space;
    this.index = index;
    this.tid = tid;
    this.mailbox = block.asSlice(StubLayout.MAILBOX);
    this.controlAddress = mailbox.address() + Mailbox.CONTROL;
    this.blockAddress = space.layout().block(index);
    this.mailboxInEnclave = blockAddress + StubLayout.MAILBOX;
    this.xsaveBytes = LinuxMachine.INSTANCE.xsaveBytes();
    this.extended = new ExtendedState(LinuxMachine.INSTANCE);
    this.waiting = new Waiting(policy, tid, mailbox);
  }

  @Override
  public Exit enter(Registers registers, Extended state) {
    if (!canonical(registers.rip)
        || registers.fsBase >>> 47 != 0
        || registers.gsBase >>> 47 != 0
        || state == Extended.LOAD && !extended.isLoadable()) {
      return refused();
    }
    begin();
    try {
      claim(registers.fsBase);
      if (space.death() != null) {
        return space.deathExit();
      }
      if (space.quiet()) { // looked at after inside was set, as whoever stops the space looks at them in turn
        if (state == Extended.KEEP) {
          extended.reset();
        }
        return Exit.Interrupt.INSTANCE;
      }
      waiting.prepare();
      store(registers, state);
      int before = (int) Mailbox.INT.getAndSet(mailbox, (long) Mailbox.CONTROL, Mailbox.GUEST);
      if (before == (Mailbox.HOST | Mailbox.ASLEEP)) {
        Kernel.futexWake(controlAddress, 1);
      }
      if (!waiting.await(space)) {
        return space.deathExit();
      }
      return load(registers);
    } finally {
      inside = false;
    }
  }

  /** What the stub could not load is refused before it gets there. */
  private Exit refused() {
    requireOpen();
    return space.death() != null ? space.deathExit() : new Exit.Fault(GENERAL_PROTECTION, 0, 0);
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the logical processor is closed");
    }
  }

  private void begin() {
    requireOpen();
    if (interrupting) {
      awaitInterrupter();
    }
    if (!INSIDE.compareAndSet(this, false, true)) {
      throw new IllegalStateException("another thread is inside on this logical processor");
    }
  }

  private void claim(long fsBase) {
    currentBase = fsBase;
    if (ownedBase != fsBase) {
      space.bases().claim(this, index, fsBase);
    }
  }

  /** An interrupt of the entry before must have arrived before the next begins, lest it hit the wrong one. */
  private void awaitInterrupter() {
    synchronized (interruptLock) {
      // Only to wait: an interrupter holds the lock until its signal has arrived.
    }
  }

  // ---- registers in and out

  private void store(Registers r, Extended state) {
    MemorySegment m = mailbox;
    long flags = r.rflags & USER_FLAGS | FIXED_FLAGS;
    m.set(JAVA_INT, Mailbox.KIND, (flags & TF) == 0 ? Mailbox.BY_JUMP : Mailbox.BY_IRET);
    long restore = trapState;
    if (state == Extended.LOAD || fresh) {
      (state == Extended.LOAD ? extended : INITIAL).storeTo(m.asSlice(Mailbox.XSAVE, xsaveBytes));
      restore = mailboxInEnclave + Mailbox.XSAVE;
      fresh = false;
    }
    trapState = 0;
    m.set(JAVA_LONG, Mailbox.RESTORE, restore);
    MailboxRegisters.store(r, flags, m);
  }

  private Exit load(Registers r) {
    if (mailbox.get(JAVA_INT, Mailbox.KIND) == Mailbox.BY_TRAP) {
      return loadTrap(r);
    }
    MailboxRegisters.load(mailbox, r);
    return atTrampoline(r, r.rax);
  }

  /** RAX as the dispatch leaves it: the site's number, the flags that LAHF and SETO saved. EEXIT needs no RCX. */
  private Exit atTrampoline(Registers r, long rax) {
    long site = space.patches().siteOf((int) (rax >>> 16) & 0xFFFF);
    long saved = rax >>> 8 & LAHF_FLAGS | ((rax & 1) != 0 ? OVERFLOW : 0);
    r.rflags = (r.rflags & ~(LAHF_FLAGS | OVERFLOW) | saved) & USER_FLAGS | FIXED_FLAGS;
    r.rax = EEXIT;
    r.rcx = 0;
    if (site == -1) { // nobody but an enclave that jumps into the stub comes with such a number
      r.rip = space.layout().stub();
      return new Exit.Fault(GENERAL_PROTECTION, 0, 0);
    }
    r.rip = site;
    return Exit.Enclu.INSTANCE;
  }

  private Exit loadTrap(Registers r) {
    long frame = mailbox.get(JAVA_LONG, Mailbox.FRAME) - mailboxInEnclave;
    if (frame < Mailbox.XSAVE || frame > mailbox.byteSize() - SignalFrame.BYTES || (frame & 7) != 0) {
      return space.violated("its mailbox names a signal frame outside of its stack");
    }
    MemorySegment f = mailbox.asSlice(frame, SignalFrame.BYTES);
    boolean forced = f.get(JAVA_INT, SignalFrame.INFO + SignalFrame.INFO_CODE) == SignalFrame.SI_KERNEL;
    MailboxRegisters.loadFrame(f, r);
    r.rflags = r.rflags & USER_FLAGS | FIXED_FLAGS;
    r.fsBase = mailbox.get(JAVA_LONG, Mailbox.FS);
    r.gsBase = mailbox.get(JAVA_LONG, Mailbox.GS);
    long state = f.get(JAVA_LONG, SignalFrame.EXTENDED) - mailboxInEnclave;
    if (state < Mailbox.XSAVE || state > mailbox.byteSize() - xsaveBytes || (state & 63) != 0) {
      return space.violated("its signal frame names an extended state outside of its stack");
    }
    trapState = mailboxInEnclave + state;
    long vector = f.get(JAVA_LONG, SignalFrame.TRAP);
    long error = f.get(JAVA_LONG, SignalFrame.ERROR);
    long cr2 = f.get(JAVA_LONG, SignalFrame.CR2);
    Exit exit = classify(r, mailbox.get(JAVA_INT, Mailbox.SIGNAL), forced, vector, error, cr2);
    if (exit != Exit.Enclu.INSTANCE) {
      extended.loadFrom(mailbox.asSlice(state, xsaveBytes));
    }
    return exit;
  }

  private Exit classify(Registers r, int signal, boolean forced, long vector, long error, long cr2) {
    if (signal == StubProcess.INTERRUPT) {
      return Exit.Interrupt.INSTANCE;
    }
    // A call that kernels let past every filter, uretprobe(2), raises SIGILL and is no exception.
    if (signal == Kernel.SIGSYS || signal == Kernel.SIGILL && forced) {
      r.rip -= SYSCALL_BYTES;
      return new Exit.Fault(INVALID_OPCODE, 0, 0);
    }
    if (r.rip == space.unknownBaseTrap()) {
      return atTrampoline(r, r.rax);
    }
    if (vector == SINGLE_STEP && space.trampolineAt(r.rip) >= 0) {
      return steppedOverMov(r, space.patches().siteOf(space.trampolineAt(r.rip)));
    }
    if (vector == BREAKPOINT) {
      r.rip -= space.breakpointBytes(r.rip);
      if (space.patches().isBreakpoint(r.rip) && space.isEnclu(r.rip)) {
        return Exit.Enclu.INSTANCE;
      }
    }
    // A processor with SGX knows the instruction and raises #GP for what it may not do outside of an enclave.
    if ((vector == INVALID_OPCODE || vector == GENERAL_PROTECTION) && space.isEnclu(r.rip)) {
      space.patch(r.rip, r.rax);
      return Exit.Enclu.INSTANCE;
    }
    return SignalFrame.fault(vector, error, cr2);
  }

  /** The step was the jump in place of MOV, which has changed nothing yet: RIP is what the MOV leads to, the ENCLU. */
  private static Exit steppedOverMov(Registers r, long site) {
    if (site == -1) {
      return new Exit.Fault(GENERAL_PROTECTION, 0, 0);
    }
    r.rax = EEXIT;
    r.rip = site;
    return new Exit.Fault(SINGLE_STEP, 0, 0);
  }

  private static boolean canonical(long address) {
    return address << 16 >> 16 == address;
  }

  // ---- who runs with which FS base

  long ownedBase() {
    return ownedBase;
  }

  void ownedBase(long base) {
    ownedBase = base;
  }

  boolean isInsideWith(long base) {
    return inside && currentBase == base;
  }

  int index() {
    return index;
  }

  int tid() {
    return tid;
  }

  // ---- extended state, interruption, end

  @Override
  public MemorySegment extendedState() {
    return extended.segment();
  }

  @Override
  public void interrupt() {
    synchronized (interruptLock) {
      interrupting = true;
      try {
        VarHandle.fullFence();
        if (!closed) {
          interruptInside();
        }
      } finally {
        interrupting = false;
      }
    }
  }

  /** Signals until one has come to enclave code or the entry has ended anyway; then none is on its way any more. */
  private void interruptInside() {
    long deadline = System.nanoTime() + space.patience().toNanos();
    Kernel.futexWake(controlAddress, 1); // an enclave may have given the turn back and let its host sleep
    while (isRunning()) {
      if (System.nanoTime() - deadline > 0) {
        space.violated("it did not react to an interrupt");
        return;
      }
      int handled = (int) Mailbox.INT.getVolatile(mailbox, (long) Mailbox.HANDLED);
      int ignored = (int) Mailbox.INT.getVolatile(mailbox, (long) Mailbox.IGNORED);
      if (!Kernel.tgkill(space.pid(), tid, StubProcess.INTERRUPT)) {
        return;
      }
      boolean arrived = false;
      for (int polls = 0; space.death() == null; polls++) {
        arrived |= (int) Mailbox.INT.getVolatile(mailbox, (long) Mailbox.HANDLED) != handled;
        if (arrived && (!isRunning() || (int) Mailbox.INT.getVolatile(mailbox, (long) Mailbox.IGNORED) != ignored)) {
          break;
        }
        if (System.nanoTime() - deadline > 0) {
          break;
        }
        if (polls < POLLS_BEFORE_PARKING) {
          Thread.onSpinWait();
        } else { // an enclave that sleeps where no interrupt counts shall not keep two processors busy
          LockSupport.parkNanos(PARK_NANOS);
        }
      }
    }
  }

  /** The space has become quiet: returns when an entry that began before has come out. */
  void expel() {
    synchronized (interruptLock) {
      interrupting = true;
      try {
        VarHandle.fullFence();
        while (inside && space.death() == null) {
          interruptInside();
          Thread.onSpinWait();
        }
      } finally {
        interrupting = false;
      }
    }
  }

  private boolean isRunning() {
    return inside
        && space.death() == null
        && ((int) Mailbox.INT.getVolatile(mailbox, (long) Mailbox.CONTROL) & Mailbox.GUEST) != 0;
  }

  /** The process is gone and its memory about to go: waits until nobody uses it any more. */
  void leaveForGood() {
    synchronized (interruptLock) {
      // Only to wait: an interrupter looks into the mailbox.
    }
    while (inside) {
      Thread.onSpinWait();
    }
    waiting.close(false);
  }

  @Override
  public void close() {
    synchronized (interruptLock) {
      if (closed) {
        return;
      }
      closed = true;
      while (inside && space.death() == null) { // a stray entry is ended, so that its thread can be lent again
        interruptInside();
        Thread.onSpinWait();
      }
    }
    waiting.close(space.death() == null);
    space.giveBack(this);
  }
}
