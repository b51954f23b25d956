package org.enclavisor.host.sdk;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.enclavisor.monitor.EnterCall;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * One thread control structure, with the untrusted stack and the event that go with it.
 *
 * <p>Belongs to one thread at a time: whoever {@link TcsPool} gave it to. Only {@link #event} may be used by others.
 */
public final class TcsSlot {
  /** The AEP that the monitor hands back and nobody follows. */
  private static final long AEP = 0x1000;

  private final long address;
  private final long stackLow;
  private final long stackBytes;
  private final EnterCall eenter;
  private final EnterCall eresume;
  private final Semaphore event = new Semaphore(0);
  private long stackPointer;
  private volatile int depth;
  private volatile boolean broken;
  private EnterOutcome.@Nullable Faulted lastFault;

  /** Entries under way, the innermost first. */
  private final Deque<CallPosition.Frame> frames = new ArrayDeque<>();

  private @Nullable CallPosition position;
  private @Nullable Supplier<CallRecord> record;
  private volatile int ocalls;
  private volatile boolean waiting;

  TcsSlot(long address, long stackLow, long stackBytes) {
    this.address = address;
    this.stackLow = stackLow;
    this.stackBytes = stackBytes;
    // A C program's stack holds its callers' frames; some room above keeps what reads there inside the memory.
    stackPointer = stackLow + stackBytes - 256;
    eenter = EnterCall.eenter(address, AEP);
    eresume = EnterCall.eresume(address, AEP);
  }

  /** The linear address of the TCS. */
  public long address() {
    return address;
  }

  long stackLow() {
    return stackLow;
  }

  long stackBytes() {
    return stackBytes;
  }

  /** Whether an untrusted stack pointer that the enclave chose lies on this stack, with room below for a page. */
  boolean isOnStack(long pointer) {
    return pointer - stackLow >= 4096 && pointer - stackLow <= stackBytes;
  }

  /** Where the next call may put its things: below it, the stack is free. */
  long stackPointer() {
    return stackPointer;
  }

  void stackPointer(long pointer) {
    stackPointer = pointer;
  }

  EnterCall eenter() {
    return eenter;
  }

  EnterCall eresume() {
    return eresume;
  }

  /** What waiting in the enclave's mutexes and conditions comes down to: a permit for each wake. */
  Semaphore event() {
    return event;
  }

  /** How many ECALLs are under way on it, one inside the other. */
  public int depth() {
    return depth;
  }

  void depth(int calls) {
    depth = calls;
  }

  /** Whether it can never be entered again. */
  boolean isBroken() {
    return broken;
  }

  void breakDown() {
    broken = true;
  }

  /** The exception that happened last in the enclave on this thread, for messages. */
  public EnterOutcome.@Nullable Faulted lastFault() {
    return lastFault;
  }

  void lastFault(EnterOutcome.@Nullable Faulted fault) {
    lastFault = fault;
  }

  /** Says what lies in memory for the outermost call on it. */
  public void record(@Nullable Supplier<CallRecord> said) {
    record = said;
  }

  @Nullable CallRecord record() {
    return record == null ? null : record.get();
  }

  void begin(CallPosition.Frame frame) {
    frames.push(frame);
  }

  void end() {
    frames.pop();
  }

  /** An OCALL of the enclave has begun to be served (1), or has ended (−1). */
  void serving(int change) {
    int now = ocalls + change; // nobody else writes it
    ocalls = now;
  }

  /** Whether the host's program is on the thread's stack, so that no value says where it stands. */
  boolean isServing() {
    return ocalls > 0;
  }

  /** What its thread is about to do. */
  void about(CallPosition.Next next, Registers r) {
    var outermostFirst = new ArrayList<>(frames);
    Collections.reverse(outermostFirst);
    position = new CallPosition(outermostFirst, next, r.rdi, r.rsi, r.rsp, r.rbp);
  }

  @Nullable CallPosition position() {
    return position;
  }

  /** A call that was begun elsewhere stands here, and waits for a thread. */
  void adopt(CallRecord call, CallPosition where) {
    record = () -> call;
    position = where;
    depth = 1;
    waiting = true;
  }

  /** Whether its thread waits before the turnstile: under that one's lock. */
  boolean waiting() {
    return waiting;
  }

  void waiting(boolean now) {
    waiting = now;
  }
}
