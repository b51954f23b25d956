package org.enclavisor.host.sdk;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.enclavisor.host.SgxStatus;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.host.sdk.CallPosition.Next;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.EnterCall;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.SgxDevice;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * Enters an enclave that was built with the Intel SGX SDK, and serves its exits.
 *
 * <p>RDI says why the enclave is entered: the number of an ECALL, or a command below zero; RSI is the address of a
 * structure. On EEXIT, RDI = −1 means that the ECALL is over and RSI is its status; any other RDI is the number of an
 * OCALL, which ends with EENTER and RDI = −2, RSI = its status. After an exception the enclave is entered again on
 * the same TCS with RDI = −3; if that returns success, ERESUME goes on where its handler wants it to.
 *
 * <p>Thread-safe: every calling thread has a TCS of its own.
 */
public final class SdkRuntime implements AutoCloseable {
  private static final int INIT_ENCLAVE = -1;
  private static final int ORET = -2;
  private static final int EXCEPT = -3;
  private static final int MAKE_TCS = -4;
  private static final int PTHREAD = -6;
  private static final long ERET = -1;
  private static final int RED_ZONE = 256;

  /** The monitor hands the host's instruction pointer back and never follows it. */
  private static final long HOST_RIP = 0x1000;

  private final SgxDevice device;
  private volatile EnclaveId id;
  private final SharedMemory memory;
  private final UntrustedHeap heap;
  private final TcsPool pool;
  private final OcallGate gate;
  private final boolean aexNotify;
  private final Turnstile turnstile = new Turnstile();
  private final PageOcalls pages;

  /** The TCS on which the enclave makes others; null if there are none to be made. */
  private final @Nullable TcsSlot utility;

  private volatile boolean closed;

  /**
   * How the shared memory is used and how long threads wait.
   *
   * @param stackBytes of each TCS; a multiple of the page size
   * @param heapBytes for buffers; a multiple of the page size
   * @param boundThreads whether a thread keeps its TCS until it ends
   * @param patience how long a thread waits for a free TCS if not
   * @param aexNotify whether the enclave has ATTRIBUTES.AEXNOTIFY: its handler goes on by itself then
   */
  public record Config(
      long stackBytes, long heapBytes, boolean boundThreads, Duration patience, boolean aexNotify) {

    /** Bytes of shared memory for so many threads. */
    public long untrustedBytes(int threads) {
      return stackBytes * threads + heapBytes;
    }
  }

  /**
   * For an enclave that is initialised.
   *
   * @param base linear address of the enclave
   * @param tcsOffsets of its threads, from the base
   * @param laterOffsets of those that the enclave makes when they are needed
   */
  public SdkRuntime(
      SgxDevice device,
      EnclaveId id,
      long base,
      List<Long> tcsOffsets,
      List<Long> laterOffsets,
      Config config,
      OcallGate gate) {
    this.device = device;
    this.id = id;
    this.gate = gate;
    aexNotify = config.aexNotify();
    memory = new SharedMemory(device.untrusted(id));
    pages = new PageOcalls(device, () -> this.id, base, memory);
    // Stacks first: one that runs over ends below the shared memory, or in that of its neighbour, never in the heap.
    List<TcsSlot> slots = slots(base, tcsOffsets, memory.base(), config);
    List<TcsSlot> later = slots(base, laterOffsets, memory.base() + slots.size() * config.stackBytes(), config);
    long next = memory.base() + (slots.size() + later.size()) * config.stackBytes();
    heap = new UntrustedHeap(next, memory.base() + memory.bytes() - next);
    utility = later.isEmpty() || slots.isEmpty() ? null : slots.removeFirst();
    pool = new TcsPool(slots, later, this::make, config.boundThreads(), config.patience());
  }

  private static List<TcsSlot> slots(long base, List<Long> offsets, long stack, Config config) {
    var slots = new ArrayList<TcsSlot>();
    for (long offset : offsets) {
      slots.add(new TcsSlot(base + offset, stack + slots.size() * config.stackBytes(), config.stackBytes()));
    }
    return slots;
  }

  /** Has the enclave make a TCS. One thread at a time. */
  private boolean make(TcsSlot slot) {
    TcsSlot on = utility;
    if (on == null || closed || on.isBroken()) {
      return false;
    }
    try (CallArena arena = arena(on)) {
      long ms = arena.allocate(Long.BYTES);
      arena.slice(ms, Long.BYTES).set(JAVA_LONG_UNALIGNED, 0, slot.address());
      return enter(on, MAKE_TCS, ms, arena.stackPointer()) instanceof CallOutcome.Returned returned
          && returned.status() == SgxStatus.SGX_SUCCESS.code();
    }
  }

  /** The memory shared with the enclave. */
  public SharedMemory memory() {
    return memory;
  }

  /** Where buffers that outlive a call come from. */
  public UntrustedHeap heap() {
    return heap;
  }

  /** How many ECALLs of the calling thread are under way. */
  public int depth() {
    return pool.depth();
  }

  /**
   * Runs the enclave's start code, with the truth about the machine. Has to be the first call.
   *
   * @param dynamic whether it was laid out to change its pages while it runs, by metadata that is that of SDK 3
   */
  public CallOutcome initialize(Machine machine, boolean dynamic) {
    var features =
        SystemFeatures.of(
            machine,
            dynamic ? SystemFeatures.SDK_3_0 : SystemFeatures.SDK_1_5,
            (dynamic ? SystemFeatures.EDMM : 0) | (aexNotify ? SystemFeatures.AEX_NOTIFY : 0),
            Runtime.getRuntime().availableProcessors());
    if (utility != null) {
      return initialize(features, utility);
    }
    Optional<TcsSlot> slot = pool.acquire();
    if (slot.isEmpty()) {
      return new CallOutcome.Returned(SgxStatus.SGX_ERROR_OUT_OF_TCS.code());
    }
    try {
      return initialize(features, slot.get());
    } finally {
      pool.unbind(slot.get());
    }
  }

  private CallOutcome initialize(SystemFeatures features, TcsSlot slot) {
    try (CallArena arena = arena(slot)) {
      long ms = arena.allocate(SystemFeatures.BYTES);
      features.write(arena.slice(ms, SystemFeatures.BYTES));
      return enter(slot, INIT_ENCLAVE, ms, arena.stackPointer());
    }
  }

  /** A TCS for the calling thread until {@link #release}; empty if there is none to be had. */
  public Optional<TcsSlot> acquire() {
    if (pool.depth() == 0) {
      turnstile.pass();
    }
    return pool.acquire();
  }

  /** Gives back what {@link #acquire} gave. */
  public void release(TcsSlot slot) {
    pool.release(slot);
  }

  /** Room for the parameters of one ECALL. */
  public CallArena arena(TcsSlot slot) {
    return new CallArena(memory, heap, slot);
  }

  /**
   * Makes an ECALL.
   *
   * @param index number of the function
   * @param ms address of its structure, or 0
   * @param arena what the structure was allocated from
   */
  public CallOutcome ecall(TcsSlot slot, int index, long ms, CallArena arena) {
    if (index < 0) {
      throw new IllegalArgumentException("index=" + index + ": expected the number of an ECALL");
    }
    if (closed) {
      return new CallOutcome.Lost("the enclave was closed", true);
    }
    slot.lastFault(null);
    return enter(slot, index, ms, arena.stackPointer());
  }

  private CallOutcome enter(TcsSlot slot, int command, long ms, long stackPointer) {
    var registers = new Registers();
    registers.rdi = command;
    registers.rsi = ms;
    registers.rsp = stackPointer;
    registers.rbp = stackPointer;
    slot.begin(new CallPosition.Frame(command, stackPointer));
    try {
      return run(slot, stackPointer, registers, Next.EENTER);
    } finally {
      slot.end();
    }
  }

  /** From an entry to the end of what was entered for. */
  private CallOutcome run(TcsSlot slot, long stackPointer, Registers registers, Next first) {
    Next next = first;
    boolean excepted = false;
    while (true) {
      if (turnstile.isShut()) {
        slot.about(next, registers);
        turnstile.pass(slot);
        if (closed) {
          slot.breakDown();
          return new CallOutcome.Lost("the enclave was closed during the call", true);
        }
      }
      if (next == Next.OCALL) {
        long rsp = registers.rsp;
        long rbp = registers.rbp;
        slot.serving(1); // before the turnstile is asked: who shuts it sees this thread, or this thread sees it shut
        if (turnstile.isShut()) {
          slot.serving(-1);
          continue;
        }
        int status;
        try {
          status = ocall(slot, (int) registers.rdi, registers.rsi, rsp);
        } finally {
          slot.serving(-1);
        }
        if (closed) {
          slot.breakDown();
          return new CallOutcome.Lost("the enclave was closed during an OCALL", true);
        }
        registers.rdi = ORET;
        registers.rsi = Integer.toUnsignedLong(status);
        registers.rsp = rsp;
        registers.rbp = rbp;
        next = Next.EENTER;
        continue;
      }
      EnterCall call = next == Next.ERESUME ? slot.eresume() : slot.eenter();
      registers.rip = HOST_RIP;
      registers.rax = call.leaf().code();
      registers.rbx = call.tcs();
      registers.rcx = call.aep();
      EnclaveId entered = id;
      switch (device.enter(entered, call, registers)) {
        case EnterOutcome.Exited _ -> {
          if (registers.rdi == ERET) {
            if (excepted && (int) registers.rsi != SgxStatus.SGX_SUCCESS.code()) {
              slot.breakDown(); // it may have been the handler's, above a frame that is never resumed
            }
            return new CallOutcome.Returned((int) registers.rsi);
          }
          next = Next.OCALL;
        }
        case EnterOutcome.Faulted faulted -> {
          slot.lastFault(faulted);
          if (aexNotify) {
            registers.rdi = EXCEPT;
            registers.rsi = 0;
            excepted = true;
            next = Next.EENTER;
            continue;
          }
          long below = slot.isOnStack(registers.rsp) ? registers.rsp : stackPointer;
          CallOutcome handled = enter(slot, EXCEPT, 0, (below - RED_ZONE) & -16);
          if (!handled(slot, handled)) {
            return handled;
          }
          next = Next.ERESUME;
        }
        case EnterOutcome.Interrupted _ -> {
          if (closed) {
            slot.breakDown();
            return new CallOutcome.Lost("the enclave was closed during the call", true);
          }
          next = Next.ERESUME;
        }
        case EnterOutcome.Refused _ when !closed && (turnstile.isShut() || entered != id) -> {
          // It was stopped between the turnstile and the gate; nothing has changed, so the thread goes by there again.
        }
        case EnterOutcome.Refused refused -> {
          slot.breakDown();
          if (closed) {
            // EREMOVE is at work, or done: what it refuses with says less than that.
            return new CallOutcome.Lost("the enclave was closed during the call", true);
          }
          return new CallOutcome.Lost(
              call.leaf() + " was refused with " + refused.fault() + afterFault(slot), closed);
        }
        case EnterOutcome.Dead dead -> {
          slot.breakDown();
          return new CallOutcome.Lost(dead.reason(), true);
        }
      }
    }
  }

  /** Whether an exception handler has done its work; else nobody may have this TCS, whose frame is never resumed. */
  private static boolean handled(TcsSlot slot, CallOutcome outcome) {
    boolean good =
        outcome instanceof CallOutcome.Returned returned && returned.status() == SgxStatus.SGX_SUCCESS.code();
    if (!good) {
      slot.breakDown();
    }
    return good;
  }

  /**
   * Lets no thread enter any more, and serves no OCALL, until {@link #proceed(EnclaveId)}; threads inside stay there.
   *
   * @param patience how long to wait for OCALLs under way
   * @return whether all are over; one that makes an ECALL itself counts as such, since that waits
   */
  public boolean pause(Duration patience) {
    turnstile.shut();
    var slots = new ArrayList<>(pool.all());
    if (utility != null) {
      slots.add(utility);
    }
    return turnstile.awaitServed(slots, patience);
  }

  /** Ends {@link #pause}: the calls go on with the enclave as it is called now. */
  public void proceed(EnclaveId next) {
    id = next;
    turnstile.open();
  }

  /**
   * Where everything stands, once every thread that makes a call waits to enter.
   *
   * @throws WrongUseException if one does not in time, or is in the middle of the host's program
   */
  public RuntimeState state(Duration patience) {
    TcsSlot late = turnstile.awaitAll(pool.all(), patience);
    if (late != null) {
      throw new WrongUseException(
          "snapshot: expected every call to wait for its enclave, found the one on the TCS at 0x%x %s"
              .formatted(late.address(), late.isServing() ? "in an OCALL" : "inside; is the enclave stopped?"));
    }
    return RuntimeSnapshot.of(memory, heap, pool);
  }

  /**
   * Takes over what another runtime remembered of this enclave; its calls wait for {@link #proceed(TcsSlot,
   * CallPosition)}.
   *
   * @throws WrongUseException if it is another enclave's, or its host was configured otherwise
   */
  public void adopt(RuntimeState state) {
    RuntimeSnapshot.restore(state, memory, heap, pool);
  }

  /** The TCS of a call that was taken over, for the calling thread until {@link #release}. */
  public TcsSlot takeUp(long tcs) {
    TcsSlot slot = pool.at(tcs).orElseThrow();
    pool.bind(slot);
    return slot;
  }

  /** Goes on with a call from where it stands. */
  public CallOutcome proceed(TcsSlot slot, CallPosition position) {
    turnstile.pass(slot); // until here the call stands where it was taken over, for whoever looks
    if (closed) {
      return new CallOutcome.Lost("the enclave was closed during the call", true);
    }
    var registers = new Registers();
    registers.rdi = position.rdi();
    registers.rsi = position.rsi();
    registers.rsp = position.rsp();
    registers.rbp = position.rbp();
    List<CallPosition.Frame> frames = position.frames();
    frames.forEach(slot::begin);
    CallOutcome outcome = run(slot, frames.getLast().stackPointer(), registers, position.next());
    slot.end();
    for (int i = frames.size() - 2; i >= 0; i--) {
      if (handled(slot, outcome)) {
        outcome = run(slot, frames.get(i).stackPointer(), new Registers(), Next.ERESUME);
      }
      slot.end();
    }
    return outcome;
  }

  private static String afterFault(TcsSlot slot) {
    return describe(slot.lastFault());
  }

  /** An exception in words to append to a message; nothing for null. */
  public static String describe(EnterOutcome.@Nullable Faulted fault) {
    if (fault == null) {
      return "";
    }
    return switch (fault.vector()) {
      case PF ->
          "; the last exception in the enclave on this thread was #PF(0x%x) at 0x%x"
              .formatted(fault.errorCode(), fault.address());
      default -> "; the last exception in the enclave on this thread was " + fault.vector();
    };
  }

  private int ocall(TcsSlot slot, int index, long ms, long stackPointer) {
    if (!slot.isOnStack(stackPointer)) {
      return SgxStatus.SGX_ERROR_OUT_OF_MEMORY.code();
    }
    long before = slot.stackPointer();
    slot.stackPointer((stackPointer - RED_ZONE) & -16);
    try {
      return PageOcalls.serves(index) ? pages.ocall(index, ms) : gate.ocall(index, ms, slot);
    } finally {
      slot.stackPointer(before);
    }
  }

  /** {@code sgx_thread_wait_untrusted_event_ocall}: waits until somebody wakes the thread of this TCS. */
  public boolean await(long tcs) {
    Optional<TcsSlot> slot = pool.at(tcs);
    slot.ifPresent(found -> found.event().acquireUninterruptibly());
    return slot.isPresent();
  }

  /** The same with a time limit in seconds; 0 is none. */
  public boolean await(long tcs, long seconds) {
    if (seconds == 0) {
      return await(tcs);
    }
    Optional<TcsSlot> slot = pool.at(tcs);
    slot.ifPresent(found -> awaitNanos(found, TcsPool.nanos(seconds)));
    return slot.isPresent();
  }

  private static void awaitNanos(TcsSlot slot, long nanos) {
    try {
      slot.event().tryAcquire(nanos, java.util.concurrent.TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** {@code sgx_thread_set_untrusted_event_ocall}: wakes the thread of this TCS, or spares it its next wait. */
  public boolean wake(long tcs) {
    Optional<TcsSlot> slot = pool.at(tcs);
    slot.ifPresent(found -> found.event().release());
    return slot.isPresent();
  }

  /**
   * {@code pthread_create_ocall}: starts a thread that enters the enclave, on a TCS of its own, to run what the enclave
   * has put into its queue.
   */
  public SgxStatus startThread() {
    Optional<TcsSlot> slot = pool.takeFree();
    if (slot.isEmpty()) {
      return SgxStatus.SGX_ERROR_OUT_OF_TCS;
    }
    Thread.ofPlatform()
        .daemon()
        .name("enclave-pthread-0x%x".formatted(slot.get().address()))
        .start(() -> run(slot.get()));
    return SgxStatus.SGX_SUCCESS;
  }

  private void run(TcsSlot slot) {
    pool.bind(slot);
    long waiter = 0;
    try (CallArena arena = arena(slot)) {
      long ms = arena.allocate(Long.BYTES);
      slot.record(() -> new CallRecord(PTHREAD, ms, List.of(), arena.pieces()));
      enter(slot, PTHREAD, ms, arena.stackPointer());
      waiter = arena.slice(ms, Long.BYTES).get(JAVA_LONG_UNALIGNED, 0);
    } finally {
      pool.unbind(slot);
    }
    if (waiter != 0) {
      wake(waiter);
    }
  }

  /** Goes on with a thread that the enclave had started elsewhere, on a thread of its own. */
  public void takeUpThread(long tcs, CallRecord record, CallPosition position) {
    Thread.ofPlatform()
        .daemon()
        .name("enclave-pthread-0x%x".formatted(tcs))
        .start(
            () -> {
              TcsSlot slot = takeUp(tcs);
              long waiter = 0;
              try (CallArena arena = arena(slot)) {
                arena.adopt(record.pieces());
                slot.record(() -> new CallRecord(PTHREAD, record.ms(), List.of(), arena.pieces()));
                proceed(slot, position);
                waiter = arena.slice(record.ms(), Long.BYTES).get(java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED, 0);
              } finally {
                pool.unbind(slot);
              }
              if (waiter != 0) {
                wake(waiter);
              }
            });
  }

  /** Wakes everybody who waits and lets nobody in any more. Removing the enclave is up to the caller. */
  @Override
  public void close() {
    closed = true;
    turnstile.open();
    pool.close();
  }
}
