package org.enclavisor.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.ProcessDiedException;
import org.jspecify.annotations.Nullable;

/**
 * An enclave process with its memory. Thread-safe.
 *
 * <p>Lock order: this object, then the {@link Steward}'s lock. Whoever waits for enclave code holds neither.
 */
final class StubAddressSpace implements AddressSpace {
  private static final long START_PATIENCE_NANOS = 10_000_000_000L;
  private static final long POLL_NANOS = 20_000;

  /** CLONE_VM | FS | FILES | SIGHAND | THREAD | SYSVSEM: a thread, and nothing told to anybody. */
  private static final long CLONE_THREAD = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000;

  /** Of a new thread, until it is locked up: not 0, which would be its parent's, and nothing is there. */
  private static final long NO_STACK = 16;

  private final StubPlatform platform;
  private final StubLayout layout;
  private final StubFiles files;
  private final StubMemory memory;
  private final StubProcess process;
  private final Steward steward;
  private final SitePatches patches;
  private final BaseTable bases;
  private final long unknownBaseTrap;
  private final StubPermissions permissions;
  private final List<StubProcessor> lent = new ArrayList<>();
  private final Deque<Integer> idleBlocks = new ArrayDeque<>();
  private final List<Integer> tids = new ArrayList<>();
  private final WrittenPages written;
  private volatile boolean quiet;
  private boolean closed;

  private StubAddressSpace(StubPlatform platform, LockedProcess parts) {
    StubProgram program = parts.program();
    this.platform = platform;
    this.layout = parts.layout();
    this.files = parts.files();
    this.memory = parts.memory();
    this.process = parts.process();
    this.steward = parts.steward();
    this.written = new WrittenPages(files.enclave, parts.watch(), memory.enclave());
    this.unknownBaseTrap = program.unknownBaseTrap();
    this.bases =
        new BaseTable(memory.stub().asSlice(StubLayout.BASES, 8L * StubLayout.BASE_COUNT), layout.processors());
    this.patches =
        new SitePatches(
            layout,
            program,
            memory.enclave(),
            memory.patches(),
            memory.stub().asSlice(StubLayout.TRAMPOLINES, Kernel.PAGE),
            this::mapPage);
    this.permissions = new StubPermissions(layout, steward, patches, platform.runs());
  }

  /** Starts a process and locks it up. */
  static StubAddressSpace create(StubPlatform platform, AddressSpaceLayout wanted) {
    LockedProcess parts = LockedProcess.start(platform, wanted);
    StubAddressSpace space = new StubAddressSpace(platform, parts);
    parts.process().onDeath(space::wakeHosts);
    return space;
  }

  // ---- the SPI

  @Override
  public long enclaveBase() {
    return layout.enclave();
  }

  @Override
  public MemorySegment enclave() {
    return memory.enclave();
  }

  @Override
  public long untrustedBase() {
    return layout.untrusted();
  }

  @Override
  public MemorySegment untrusted() {
    return memory.untrusted();
  }

  @Override
  public synchronized void protect(List<Range> ranges) {
    ranges.forEach(range -> range.within(layout.enclaveBytes()));
    requireAlive();
    requireRunning();
    permissions.set(ranges);
  }

  @Override
  public synchronized void discard(long offset, long length) {
    new Range(offset, length, Permissions.NONE).within(layout.enclaveBytes());
    requireOpen();
    written.note(offset, length);
    Kernel.punchHole(files.enclave, offset, length);
  }

  @Override
  public synchronized BitSet mark() {
    requireAlive();
    permissions.uncover();
    return written.mark();
  }

  @Override
  public synchronized BitSet written() {
    requireAlive();
    return written.since();
  }

  @Override
  public synchronized BitSet touched() {
    requireAlive();
    return Kernel.dataPages(files.enclave, layout.enclaveBytes());
  }

  @Override
  public void quiesce() {
    List<StubProcessor> inside;
    synchronized (this) {
      requireAlive();
      requireRunning();
      quiet = true;
      inside = List.copyOf(lent);
    }
    for (StubProcessor processor : inside) { // without the lock: on its way out a processor may want to patch
      processor.expel();
    }
    synchronized (this) {
      requireAlive();
      steward.rest();
      process.stop(platform.patience());
    }
  }

  @Override
  public synchronized void resume() {
    if (!quiet) {
      throw new IllegalStateException("the address space is not stopped");
    }
    requireAlive();
    process.letRun();
    steward.askedAgain();
    quiet = false;
  }

  /** Whether nothing may run now. */
  boolean quiet() {
    return quiet;
  }

  private void requireRunning() {
    if (quiet) {
      throw new IllegalStateException("the address space is stopped");
    }
  }

  @Override
  public synchronized LogicalProcessor processor() {
    requireAlive();
    requireRunning();
    if (lent.size() == layout.processors()) {
      throw new PlatformException("processors=%d: all are in use".formatted(layout.processors()));
    }
    Integer idle = idleBlocks.poll();
    int index = idle == null ? bear() : idle;
    StubProcessor processor =
        new StubProcessor(this, index, tids.get(index), memory.block(layout, index), platform.options().waiting());
    lent.add(processor);
    return processor;
  }

  @Override
  public synchronized void fill(long offset, MemorySegment pages) {
    MemorySegment place = enclave().asSlice(offset, pages.byteSize());
    written.note(offset, pages.byteSize());
    if (closed || !pages.isNative() || !Kernel.write(files.enclave, offset, pages)) {
      place.copyFrom(pages); // slower, and says what is wrong where something is
    }
  }

  @Override
  public synchronized long residentBytes() {
    requireOpen();
    return Kernel.residentBytes(files.enclave);
  }

  @Override
  public void close() {
    List<StubProcessor> users;
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      users = List.copyOf(lent);
    }
    process.kill("the address space was closed");
    process.awaitEnd();
    steward.close();
    for (StubProcessor user : users) {
      user.leaveForGood();
    }
    written.close();
    memory.close();
    files.close();
    platform.forget(this);
  }

  // ---- for the logical processors

  StubLayout layout() {
    return layout;
  }

  /** For tests of the steward itself. */
  Steward steward() {
    return steward;
  }

  /** The same of permissions. */
  StubPermissions permissions() {
    return permissions;
  }

  BaseTable bases() {
    return bases;
  }

  SitePatches patches() {
    return patches;
  }

  long unknownBaseTrap() {
    return unknownBaseTrap;
  }

  /** The number of the trampoline that starts at an address, or −1. */
  int trampolineAt(long address) {
    long offset = address - layout.stub() - StubLayout.TRAMPOLINES;
    return offset >= 0 && offset < Kernel.PAGE && offset % StubLayout.TRAMPOLINE_BYTES == 0
        ? (int) offset / StubLayout.TRAMPOLINE_BYTES
        : -1;
  }

  int pid() {
    return process.pid();
  }

  Duration patience() {
    return platform.patience();
  }

  @Nullable String death() {
    return process.death();
  }

  Exit.Death deathExit() {
    String reason = process.death();
    return new Exit.Death(reason == null ? "the enclave process is gone" : reason);
  }

  /** Ends the process, because its enclave broke something that no enclave has a use for breaking. */
  Exit.Death violated(String what) {
    process.kill("the enclave process was ended: " + what);
    process.awaitEnd();
    return deathExit();
  }

  /** Whether the three bytes at a linear address are ENCLU, as the enclave was loaded or wrote it. */
  boolean isEnclu(long address) {
    long offset = address - layout.enclave();
    if (offset < 0 || offset > layout.enclaveBytes() - 3) {
      return false;
    }
    MemorySegment bytes = memory.enclave();
    return bytes.get(ValueLayout.JAVA_BYTE, offset) == 0x0F
        && bytes.get(ValueLayout.JAVA_BYTE, offset + 1) == 0x01
        && bytes.get(ValueLayout.JAVA_BYTE, offset + 2) == (byte) 0xD7;
  }

  /** INT3 has two forms, CC and CD 03, and RIP is behind it: how long the one before an address is. */
  int breakpointBytes(long rip) {
    long offset = rip - layout.enclave();
    if (offset < 2 || offset > layout.enclaveBytes()) {
      return 1;
    }
    MemorySegment bytes = memory.enclave();
    return bytes.get(ValueLayout.JAVA_BYTE, offset - 1) == 3
            && bytes.get(ValueLayout.JAVA_BYTE, offset - 2) == (byte) 0xCD
        ? 2
        : 1;
  }

  void patch(long site, long rax) {
    if (platform.options().strict()) {
      return;
    }
    synchronized (this) {
      if (closed || process.death() != null) {
        return;
      }
      try {
        patches.patch(site, rax, permissions.at(site - layout.enclave() & -Kernel.PAGE));
      } catch (PlatformException e) {
        // The exit that led here is a good one; that the process is gone, or has to go now, is the next entry's news.
        process.kill("a page could not be mapped: " + e.getMessage());
      }
    }
  }

  synchronized void giveBack(StubProcessor processor) {
    if (!closed && lent.remove(processor)) {
      bases.release(processor, processor.index());
      idleBlocks.add(processor.index());
    }
  }

  // ---- orders

  /** A new thread, which comes to wait in its block. */
  private int bear() {
    int index = tids.size();
    memory.prepareBlock(layout, index, LinuxMachine.INSTANCE.xsaveBytes());
    long stack = layout.block(index) + layout.blockBytes() - 64;
    int tid = (int) steward.require("clone", Syscall.CLONE, CLONE_THREAD, NO_STACK, stack);
    MemorySegment mailbox = memory.block(layout, index).asSlice(StubLayout.MAILBOX);
    long deadline = System.nanoTime() + START_PATIENCE_NANOS;
    while (((int) Mailbox.INT.getAcquire(mailbox, (long) Mailbox.CONTROL) & Mailbox.GUEST) != 0) {
      if (process.death() != null) {
        throw new ProcessDiedException(deathExit().reason());
      }
      if (System.nanoTime() - deadline > 0) {
        // Who keeps it from coming is the enclave. Left alive, it could gather a thread with each attempt.
        throw new ProcessDiedException(violated("a new thread did not come to its block").reason());
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
    tids.add(tid);
    return index;
  }

  private void mapPage(long enclaveOffset, boolean patched, long fileOffset, Permissions wanted) {
    written.remap(enclaveOffset);
    steward.require(
        "mmap",
        Syscall.MMAP,
        layout.enclave() + enclaveOffset,
        Kernel.PAGE,
        StubPermissions.protection(wanted),
        Kernel.MAP_SHARED | Kernel.MAP_FIXED | Kernel.MAP_NORESERVE,
        patched ? files.patches : files.enclave,
        fileOffset);
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the address space is closed");
    }
  }

  private void requireAlive() {
    if (closed) {
      throw new PlatformException("the address space is closed");
    }
    String death = process.death();
    if (death != null) {
      throw new ProcessDiedException(death);
    }
  }

  /**
   * On the keeper's thread, which must not wait for the space's lock: an order under way holds it. Gives every turn to
   * the host, so that whoever is about to sleep does not.
   */
  private void wakeHosts() {
    for (int i = 0; i < layout.processors(); i++) {
      long control = layout.blockOffset(i) + StubLayout.MAILBOX + Mailbox.CONTROL;
      Mailbox.INT.setVolatile(memory.stub(), control, Mailbox.HOST);
      Kernel.futexWake(memory.stub().address() + control, Integer.MAX_VALUE);
    }
  }
}
