package org.enclavisor.testkit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Consumer;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.ProcessDiedException;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a fake enclave: a sparse file that is mapped, ordinary memory for the untrusted side, and a byte of
 * permissions for each page. Thread-safe. Lock order: this, then {@link #life}; running processors hold its read side.
 */
final class FakeAddressSpace implements AddressSpace {
  static final long LAST_USER_ADDRESS = 0x7fff_ffff_f000L;
  private static final int PAGE = AddressSpaceLayout.PAGE;
  private static final long FIRST_ENCLAVE_BASE = 0x1000_0000_0000L;
  private static final long UNTRUSTED_BASE = 0x2000_0000_0000L;
  private static final long UNTRUSTED_BASE_ELSEWHERE = 0x1000_0000_0000L;
  private static final MemorySegment ZEROES = MemorySegment.ofArray(new byte[PAGE]);
  private static final VarHandle BYTES = MethodHandles.arrayElementVarHandle(byte[].class);

  private final Arena arena = Arena.ofShared();
  private final AddressSpaceLayout layout;
  private final long enclaveBase;
  private final long untrustedBase;
  private final MemorySegment enclave;
  private final MemorySegment untrusted;
  private final byte[] permissions;
  private final Map<Long, Scripted> scripts;
  private final Consumer<FakeAddressSpace> onClose;
  private final Set<FakeProcessor> processors = ConcurrentHashMap.newKeySet();
  private final ReadWriteLock life = new ReentrantReadWriteLock();
  private final FakeWritten written = new FakeWritten();
  private volatile @Nullable String death;
  private volatile boolean quiet;
  private boolean closed;

  FakeAddressSpace(AddressSpaceLayout layout, Map<Long, Scripted> scripts, Consumer<FakeAddressSpace> onClose) {
    this.layout = layout;
    this.scripts = scripts;
    this.onClose = onClose;
    enclaveBase = layout.enclaveBase() != 0 ? layout.enclaveBase() : Math.max(FIRST_ENCLAVE_BASE, layout.enclaveSize());
    untrustedBase =
        layout.untrustedBase() != 0
            ? layout.untrustedBase()
            : overlaps(UNTRUSTED_BASE) ? UNTRUSTED_BASE_ELSEWHERE : UNTRUSTED_BASE;
    enclave = sparse(arena, layout.enclaveSize());
    untrusted = arena.allocate(layout.untrustedSize(), PAGE);
    permissions = new byte[Math.toIntExact(layout.enclaveSize() / PAGE)];
  }

  private boolean overlaps(long untrustedStart) {
    return untrustedStart < enclaveBase + layout.enclaveSize()
        && enclaveBase < untrustedStart + layout.untrustedSize();
  }

  /** A mapping of a file that has no name any more and no blocks yet. */
  private static MemorySegment sparse(Arena arena, long size) {
    try {
      Path file = Files.createTempFile("enclavisor-fake", ".mem");
      try (var channel = FileChannel.open(
          file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE)) {
        return channel.map(FileChannel.MapMode.READ_WRITE, 0, size, arena);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("no room for the memory of a fake enclave", e);
    }
  }

  @Override
  public long enclaveBase() {
    return enclaveBase;
  }

  @Override
  public MemorySegment enclave() {
    return enclave;
  }

  @Override
  public long untrustedBase() {
    return untrustedBase;
  }

  @Override
  public MemorySegment untrusted() {
    return untrusted;
  }

  @Override
  public void protect(List<Range> ranges) {
    ranges.forEach(range -> range.within(layout.enclaveSize()));
    requireAlive();
    requireNotQuiet();
    for (Range range : ranges) {
      for (long page = range.offset() / PAGE; page < (range.offset() + range.length()) / PAGE; page++) {
        BYTES.setVolatile(permissions, (int) page, (byte) range.permissions().bits());
      }
    }
    processors.forEach(FakeProcessor::awaitBoundary);
  }

  @Override
  public void discard(long offset, long length) {
    Range range = new Range(offset, length, Permissions.NONE).within(layout.enclaveSize());
    for (long page = range.offset(); page < range.offset() + range.length(); page += PAGE) {
      if (permissionsAt(enclaveBase + page) != 0) {
        throw new IllegalStateException("page 0x%x is given back and can still be touched".formatted(page));
      }
      if (!isZero(page)) {
        enclave.asSlice(page, PAGE).fill((byte) 0);
        written.note(page);
      }
    }
  }

  @Override
  public BitSet touched() {
    requireAlive();
    BitSet pages = new BitSet();
    for (long page = 0; page < layout.enclaveSize(); page += PAGE) {
      pages.set((int) (page / PAGE), !isZero(page));
    }
    return pages;
  }

  @Override
  public synchronized BitSet mark() {
    requireAlive();
    return written.mark(enclave);
  }

  @Override
  public synchronized BitSet written() {
    requireAlive();
    return written.since(enclave);
  }

  /** Enclave code is about to write here. */
  void noteWrite(long address) {
    if (inEnclave(address)) {
      written.note(address - enclaveBase);
    }
  }

  @Override
  public synchronized void quiesce() {
    requireAlive();
    requireNotQuiet();
    quiet = true;
    processors.forEach(FakeProcessor::expel);
  }

  @Override
  public synchronized void resume() {
    if (!quiet) {
      throw new IllegalStateException("the address space is not stopped");
    }
    quiet = false;
    requireAlive();
  }

  /** Whether no instruction may be executed now. */
  boolean quiet() {
    return quiet;
  }

  private void requireNotQuiet() {
    if (quiet) {
      throw new IllegalStateException("the address space is stopped");
    }
  }

  /** The permission bits at a linear address of enclave or untrusted memory, −1 where there is neither. */
  int permissionsAt(long address) {
    if (inEnclave(address)) {
      return (byte) BYTES.getVolatile(permissions, (int) ((address - enclaveBase) / PAGE));
    }
    return address >= untrustedBase && address - untrustedBase < layout.untrustedSize() ? Permissions.RW.bits() : -1;
  }

  private boolean inEnclave(long address) {
    return address >= enclaveBase && address - enclaveBase < layout.enclaveSize();
  }

  /** The memory of an address that has permissions. */
  MemorySegment segmentOf(long address) {
    return inEnclave(address) ? enclave : untrusted;
  }

  /** Where in {@link #segmentOf} an address lies. */
  long offsetOf(long address) {
    return address - (inEnclave(address) ? enclaveBase : untrustedBase);
  }

  Optional<Scripted> scriptAt(long address) {
    return inEnclave(address) ? Optional.ofNullable(scripts.get(address - enclaveBase)) : Optional.empty();
  }

  @Override
  public synchronized LogicalProcessor processor() {
    requireAlive();
    requireNotQuiet();
    if (processors.size() == layout.processors()) {
      throw new PlatformException("all " + layout.processors() + " processors of the address space are in use");
    }
    var processor = new FakeProcessor(this, processors::remove);
    processors.add(processor);
    return processor;
  }

  /** Held while enclave code runs, so that memory outlives it. */
  Lock running() {
    return life.readLock();
  }

  /** Why the pretended process is gone. */
  Optional<String> death() {
    return Optional.ofNullable(death);
  }

  private void requireAlive() {
    String reason = death;
    if (reason != null) {
      throw new ProcessDiedException("the enclave process is gone: " + reason);
    }
  }

  synchronized void die(String reason) {
    if (death == null) {
      death = reason;
    }
  }

  /** A page counts that holds a byte other than zero. */
  @Override
  public long residentBytes() {
    long resident = 0;
    for (long page = 0; page < layout.enclaveSize(); page += PAGE) {
      resident += isZero(page) ? 0 : PAGE;
    }
    return resident;
  }

  private boolean isZero(long page) {
    return enclave.get(JAVA_BYTE, page) == 0
        && MemorySegment.mismatch(enclave, page, page + PAGE, ZEROES, 0, PAGE) < 0;
  }

  @Override
  public void close() {
    die("the address space was closed");
    life.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        arena.close();
        onClose.accept(this);
      }
    } finally {
      life.writeLock().unlock();
    }
  }
}
