package org.enclavisor.monitor.state;

import static org.enclavisor.monitor.state.StateFormat.PAGE;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.util.List;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Id16;
import org.enclavisor.monitor.state.EnclaveManifest.Component;
import org.enclavisor.monitor.state.EnclaveManifest.Mapping;
import org.enclavisor.monitor.state.EnclaveManifest.SecsState;
import org.enclavisor.monitor.state.EnclaveManifest.ThreadState;
import org.jspecify.annotations.Nullable;

/**
 * Writes the state of an enclave that stands still, page by page in ascending order: its size does not matter to the
 * heap. {@link #begin}; for each page {@link #entry}, {@link #thread} or {@link #content} as it has them, and then
 * {@link #drain}; {@link #end}. Only begin, drain and end write to the channel. Confined to one thread.
 */
public final class StateWriter implements AutoCloseable {
  private static final MemorySegment ZERO = MemorySegment.ofArray(new byte[PAGE]).asReadOnly();

  private final Arena arena = Arena.ofConfined();
  private final MemorySegment room = arena.allocate(Section.MAX_BYTES, PAGE);
  private final ByteBuffer pages = room.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  private final ByteBuffer entries = buffer(StateFormat.ENTRY_BYTES);
  private final ByteBuffer threads = buffer(StateFormat.THREAD_BYTES);
  private final ByteBuffer zeroes = buffer(StateFormat.RUN_BYTES);
  private final StateOutput out;
  private final StateProgress progress;
  private boolean changes;
  private long atMost;
  private long written;

  // The run of entries, of zero pages, and of pages with bytes that is being collected.
  private long entryFrom;
  private long entryCount;
  private long entryWord;
  private long zeroFrom;
  private long zeroCount;
  private long pageFrom;
  private int pageCount;

  /** Does not own the channel. */
  public StateWriter(WritableByteChannel channel, StateProgress progress) {
    this.out = new StateOutput(channel);
    this.progress = progress;
  }

  private static ByteBuffer buffer(int record) {
    return ByteBuffer.allocate(record * StateFormat.RECORDS).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Writes what comes before the pages.
   *
   * @param mappings the host's, by page number, the first of page 0
   * @param contentPages how many pages may have content
   * @param continues digest of the stream that this one goes on from; null of one that stands alone
   */
  public void begin(
      EnclaveManifest manifest, List<Mapping> mappings, long contentPages, @Nullable Digest32 continues)
      throws IOException {
    changes = continues != null;
    atMost = contentPages;
    ByteBuffer head = ByteBuffer.allocate(StateFormat.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    head.put(StateFormat.magic()).putInt(StateFormat.VERSION);
    head.putInt(changes ? StateFormat.KIND_CHANGES : StateFormat.KIND_FULL);
    head.put(continues == null ? new byte[StateFormat.DIGEST_BYTES] : continues.bytes());
    out.raw(head.flip());
    manifest(manifest);
    pages.clear();
    for (Mapping mapping : mappings) {
      if (pages.remaining() < StateFormat.MAPPING_BYTES) {
        flush(Section.MAPPINGS, pages);
      }
      pages.putLong(mapping.page()).putLong(mapping.access());
    }
    flush(Section.MAPPINGS, pages);
  }

  private void manifest(EnclaveManifest manifest) throws IOException {
    EnclaveManifest.Instance instance = manifest.instance();
    pages.clear().put(instance.name().bytes()).putLong(instance.number());
    pages.putInt(instance.generation()).putInt(0);
    flush(Section.INSTANCE, pages);
    EnclaveManifest.MachineNeeds machine = manifest.machine();
    pages.putLong(machine.untrustedBase()).putLong(machine.untrustedBytes());
    pages.putInt(machine.maxThreads()).putInt(machine.components().size()).putLong(atMost);
    for (Component component : machine.components()) {
      pages.putInt(component.number()).putInt(component.offset()).putInt(component.bytes());
    }
    flush(Section.MACHINE, pages);
    SecsState secs = manifest.secs();
    pages.put(secs.secs().toBytes()).putLong(secs.eid()).putLong(secs.epoch());
    pages.putLong(secs.context().orElse(0)).putLong(secs.virtualChildren());
    put(secs.isvFamilyId());
    put(secs.isvExtProdId());
    flush(Section.SECS, pages);
  }

  private void put(Id16 id) {
    pages.put(id.bytes());
  }

  private void flush(Section section, ByteBuffer records) throws IOException {
    records.flip();
    if (records.hasRemaining()) {
      out.section(section, records);
    }
    records.clear();
  }

  /** A valid entry; neighbours that are alike become one run. */
  public void entry(long page, int bits, long epoch) {
    long word = bits | epoch << StateFormat.EPOCH_SHIFT;
    if (entryCount > 0 && word == entryWord && page == entryFrom + entryCount) {
      entryCount++;
      return;
    }
    endEntry();
    entryFrom = page;
    entryCount = 1;
    entryWord = word;
  }

  private void endEntry() {
    if (entryCount > 0) {
      entries.putLong(entryFrom).putLong(entryCount).putLong(entryWord);
    }
    entryCount = 0;
  }

  /** The TCS of a page whose entry was told. */
  public void thread(ThreadState thread) {
    threads.putLong(thread.page()).put(thread.tcs());
    threads.putLong(thread.savedFsBase()).putLong(thread.savedGsBase()).putLong(thread.savedTf());
  }

  /** The bytes of a page whose entry was told. Zeroes cost nothing. */
  public void content(long page, MemorySegment memory) {
    long at = page * PAGE;
    boolean zero =
        memory.get(ValueLayout.JAVA_BYTE, at) == 0
            && MemorySegment.mismatch(memory, at, at + PAGE, ZERO, 0, PAGE) < 0;
    if (zero) {
      zero(page);
      return;
    }
    if (pageCount == 0) {
      pageFrom = page;
    }
    MemorySegment.copy(memory, at, room, StateFormat.PAGES_PREFIX + (long) pageCount * PAGE, PAGE);
    pageCount++;
  }

  private void zero(long page) {
    if (!changes) {
      return;
    }
    if (zeroCount > 0 && page == zeroFrom + zeroCount) {
      zeroCount++;
      return;
    }
    endZeroes();
    zeroFrom = page;
    zeroCount = 1;
  }

  private void endZeroes() {
    if (zeroCount > 0) {
      zeroes.putLong(zeroFrom).putLong(zeroCount);
    }
    zeroCount = 0;
  }

  /**
   * Writes what has been collected, if it is much.
   *
   * @param next the page that comes next
   */
  public void drain(long next) throws IOException {
    boolean apart = pageCount > 0 && next != pageFrom + pageCount;
    boolean full =
        pageCount == StateFormat.MAX_PAGES
            || entries.remaining() < 2 * StateFormat.ENTRY_BYTES
            || threads.remaining() < StateFormat.THREAD_BYTES
            || zeroes.remaining() < 2 * StateFormat.RUN_BYTES;
    if (apart || full) {
      drain();
    }
  }

  private void drain() throws IOException {
    endEntry();
    endZeroes();
    flush(Section.ENTRIES, entries);
    flush(Section.THREADS, threads);
    flush(Section.ZEROES, zeroes);
    if (pageCount > 0) {
      pages.clear().putLong(pageFrom).putInt(pageCount).putInt(0);
      pages.position(0).limit(StateFormat.PAGES_PREFIX + pageCount * PAGE);
      out.section(Section.PAGES, pages);
      written += pageCount;
      pageCount = 0;
      progress.pages(written, atMost);
    }
  }

  /** Writes the end. */
  public StateSummary end() throws IOException {
    drain();
    byte[] digest = out.end();
    return new StateSummary(out.bytes(), written, Digest32.of(digest));
  }

  @Override
  public void close() {
    arena.close();
  }
}
