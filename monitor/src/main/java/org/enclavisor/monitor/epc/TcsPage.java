package org.enclavisor.monitor.epc;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.enclavisor.isa.Tcs;
import org.jspecify.annotations.Nullable;

/**
 * A TCS page: the thread's entry state, kept by the monitor where enclave code can neither read nor write it, and what
 * the processor keeps in hidden registers while the thread is inside.
 *
 * <p>{@link #state} is the one word on which threads race. Whoever has moved it from {@link #INACTIVE} owns the
 * mutable fields until it is set back, which publishes them to the next owner.
 */
public final class TcsPage {
  /** Nobody is inside, no leaf works on it. */
  public static final int INACTIVE = 0;

  /** A leaf works on it. */
  public static final int LOCKED = 1;

  /** A thread is inside. */
  public static final int ACTIVE = 2;

  /** For a moment, its processor is being taken away: nobody's business but that of whoever takes it. */
  private static final int BORROWED = 3;

  private static final long PARKED = Long.MAX_VALUE;

  private static final VarHandle STATE;
  private static final VarHandle ENTERED_EPOCH;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(TcsPage.class, "state", int.class);
      ENTERED_EPOCH = MethodHandles.lookup().findVarHandle(TcsPage.class, "enteredEpoch", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Page number in the ELRANGE. */
  public final long page;

  /** Linear address. */
  public final long address;

  /** TCS.FLAGS, which EDBGWR may change at any time. */
  private volatile long flags;

  /** TCS.OSSA. */
  public final long ossa;

  /** TCS.NSSA. */
  public final int nssa;

  /** TCS.OENTRY. */
  public final long oentry;

  /** TCS.OFSBASGX. */
  public final long ofsBase;

  /** TCS.OGSBASGX. */
  public final long ogsBase;

  private final int fsLimit;
  private final int gsLimit;

  /** What it was used for: written by the owner only. */
  public final ThreadCounts counts = new ThreadCounts();

  /** TCS.CSSA: owner only. */
  public int cssa;

  /** TCS.AEP: owner only. */
  public long aep;

  /** CR_SAVE_FS_base: owner only. */
  public long savedFsBase;

  /** CR_SAVE_GS_base: owner only. */
  public long savedGsBase;

  /** CR_SAVE_TF, as RFLAGS has it: owner only. */
  public long savedTf;

  /** Where the current SSA frame begins, from the base: owner only. CR_XSAVE_PAGE and CR_GPR_PA come from it. */
  public long ssa;

  /** What ERESUME has read of the GPR area and checked: owner only. */
  public long resumeRip;

  /** As {@link #resumeRip}. */
  public long resumeFsBase;

  /** As {@link #resumeRip}. */
  public long resumeGsBase;

  /** Whether ERESUME is to tell the thread of the exit: it enters at OENTRY, with its state left in the frame below. */
  public boolean notified;

  private volatile long enteredEpoch;

  /** Whether the leaf that has the page exclusively also has {@link #state}. */
  volatile boolean heldByLeaf;

  /** The logical processor that this thread runs on: owner only; whoever locks the TCS may take it away. */
  public @Nullable ProcessorSlot processor;

  /** Goes up whenever a thread leaves, so that others can tell one stay from the next. */
  public volatile long departures;

  /** The stay, by {@link #departures}, that somebody wants to end, for a thread that is in a leaf just then. */
  private volatile long interruptedStay = -1;

  /** How many kicks have begun: under this object's lock, read by the owner. */
  private volatile long kicksBegun;

  /** How many of them have ended. */
  private volatile long kicksEnded;

  private volatile int state;

  /**
   * From a page's bytes, whose reserved fields have been checked. STATE, CSSA, AEP and DBGOPTIN are forced to 0
   * (SDM 3D, EADD).
   */
  public TcsPage(long page, long address, MemorySegment bytes) {
    this.page = page;
    this.address = address;
    this.flags = bytes.get(JAVA_LONG_UNALIGNED, 8) & ~Tcs.DBGOPTIN;
    this.ossa = bytes.get(JAVA_LONG_UNALIGNED, 16);
    this.nssa = bytes.get(JAVA_INT_UNALIGNED, 28);
    this.oentry = bytes.get(JAVA_LONG_UNALIGNED, 32);
    this.ofsBase = bytes.get(JAVA_LONG_UNALIGNED, 48);
    this.ogsBase = bytes.get(JAVA_LONG_UNALIGNED, 56);
    this.fsLimit = bytes.get(JAVA_INT_UNALIGNED, 64);
    this.gsLimit = bytes.get(JAVA_INT_UNALIGNED, 68);
  }

  /** From the bytes of a page that was a TCS before, evicted or stopped: with CSSA, AEP and DBGOPTIN as they were. */
  public static TcsPage restored(long page, long address, MemorySegment bytes) {
    TcsPage tcs = new TcsPage(page, address, bytes);
    tcs.flags = bytes.get(JAVA_LONG_UNALIGNED, Tcs.FLAGS_OFFSET);
    tcs.cssa = bytes.get(JAVA_INT_UNALIGNED, Tcs.CSSA_OFFSET);
    tcs.aep = bytes.get(JAVA_LONG_UNALIGNED, Tcs.AEP_OFFSET);
    return tcs;
  }

  /** TCS.FLAGS: as added, DBGOPTIN cleared, or as a debugger wants it. Reserved bits are EENTER's to find. */
  public long flags() {
    return flags;
  }

  /** EDBGWR's part. */
  public void flags(long value) {
    flags = value;
  }

  /** TCS.FLAGS.DBGOPTIN: the thread is open to a debugger's breakpoints and single steps. */
  public boolean optIn() {
    return (flags & Tcs.DBGOPTIN) != 0;
  }

  /** TCS.FLAGS.AEXNOTIFY: the thread may ask to be told of asynchronous exits. */
  public boolean aexNotify() {
    return (flags & Tcs.AEXNOTIFY) != 0;
  }

  /** The page's bytes, as EEXTEND reads them. Only while the TCS is inactive. */
  public byte[] bytes() {
    byte[] result = new byte[Tcs.BYTES];
    MemorySegment out = MemorySegment.ofArray(result);
    out.set(JAVA_LONG_UNALIGNED, 8, flags);
    out.set(JAVA_LONG_UNALIGNED, 16, ossa);
    out.set(JAVA_INT_UNALIGNED, 24, cssa);
    out.set(JAVA_INT_UNALIGNED, 28, nssa);
    out.set(JAVA_LONG_UNALIGNED, 32, oentry);
    out.set(JAVA_LONG_UNALIGNED, 40, aep);
    out.set(JAVA_LONG_UNALIGNED, 48, ofsBase);
    out.set(JAVA_LONG_UNALIGNED, 56, ogsBase);
    out.set(JAVA_INT_UNALIGNED, 64, fsLimit);
    out.set(JAVA_INT_UNALIGNED, 68, gsLimit);
    return result;
  }

  /** {@link #INACTIVE}, {@link #LOCKED}, {@link #ACTIVE}, or something else for a moment. */
  public int state() {
    return state;
  }

  /** From inactive to locked, if it was inactive. Returns what it was. A full fence. */
  public int lock() {
    int was = (int) STATE.compareAndExchange(this, INACTIVE, LOCKED);
    while (was == BORROWED) {
      Thread.onSpinWait();
      was = (int) STATE.compareAndExchange(this, INACTIVE, LOCKED);
    }
    return was;
  }

  /**
   * Locks it, if it was inactive, for a moment in which nothing blocks and nothing is entered: unlike {@link #lock},
   * this is not seen by a thread that wants to enter, which waits.
   */
  public boolean borrow() {
    return STATE.compareAndSet(this, INACTIVE, BORROWED);
  }

  /** The enclave's epoch when the thread entered; see {@link Tracking}. */
  public long enteredEpoch() {
    return enteredEpoch;
  }

  /**
   * Notes the epoch: owner only, who has locked the TCS and has looked at no page yet. No fence: what was noted before
   * is no later, and the TCS counts as entered since it was locked.
   */
  public void entersAt(long epoch) {
    ENTERED_EPOCH.setRelease(this, epoch);
  }

  /**
   * The thread inside waits for the monitor and relies on no page any more, so that tracking need not wait for it:
   * owner only. It has to {@link #entersAnew} before it goes on or leaves.
   */
  public void park() {
    enteredEpoch = PARKED;
  }

  /** Notes the epoch of a thread that is inside already: owner only, who asks only then what it relies on. A fence. */
  public void entersAnew(long epoch) {
    enteredEpoch = epoch;
    VarHandle.fullFence();
  }

  /**
   * Whether somebody is inside or on the way, or was when the page was locked: asked by the leaf that has the page
   * exclusively.
   */
  public boolean taken() {
    return !heldByLeaf;
  }

  /** From locked to active. */
  public void activate() {
    STATE.setRelease(this, ACTIVE);
  }

  /** From locked or borrowed back to inactive: nothing happened. */
  public void unlock() {
    STATE.setRelease(this, INACTIVE);
  }

  /** Asks the thread to leave, if it is still at the stay of so many departures. */
  public void interruptStay(long stay) {
    interruptedStay = stay;
  }

  /** Whether the thread inside has been asked to leave: owner only. */
  public boolean stayInterrupted() {
    return interruptedStay == departures;
  }

  /**
   * Interrupts the thread inside, not to get it out but to have it enter anew in the sense of {@link Tracking}.
   *
   * @param interrupt interrupts its processor; what it interrupts has ended when it returns
   */
  public synchronized void kick(Runnable interrupt) {
    kicksBegun = kicksBegun + 1;
    try {
      interrupt.run();
    } finally {
      kicksEnded = kicksBegun;
    }
  }

  /** How many kicks have ended, for {@link #kickedSince}. */
  public long kicks() {
    return kicksEnded;
  }

  /** Whether an interrupt may have been a kick: one has begun that had not ended at that count. */
  public boolean kickedSince(long kicks) {
    return kicksBegun != kicks;
  }

  /** From active to inactive: the thread has left. */
  public void leave() {
    departures++;
    STATE.setRelease(this, INACTIVE);
  }
}
