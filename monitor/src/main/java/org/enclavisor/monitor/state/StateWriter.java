package org.enclavisor.monitor.state;

import static org.enclavisor.monitor.state.StateFormat.PAGE;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.util.BitSet;
import java.util.List;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Id16;
import org.enclavisor.monitor.epc.EpcmTable;
import org.enclavisor.monitor.state.EnclaveManifest.Component;
import org.enclavisor.monitor.state.EnclaveManifest.Mapping;
import org.enclavisor.monitor.state.EnclaveManifest.SecsState;
import org.enclavisor.monitor.state.EnclaveManifest.ThreadState;
import org.jspecify.annotations.Nullable;

/**
 * Writes the state of an enclave that stands still, section by section: its size does not matter to the heap. Confined
 * to one thread.
 */
public final class StateWriter implements AutoCloseable {
  private static final MemorySegment ZERO = MemorySegment.ofArray(new byte[PAGE]).asReadOnly();

  private final Arena arena = Arena.ofConfined();
  private final MemorySegment room = arena.allocate(Section.MAX_BYTES, PAGE);
  private final ByteBuffer buffer = room.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  private final StateOutput out;

  /** Does not own the channel. */
  public StateWriter(WritableByteChannel channel) {
    out = new StateOutput(channel);
  }

  /**
   * Writes it all.
   *
   * @param entries the EPCM entries
   * @param mappings the host's, by page number, the first of page 0
   * @param memory the bytes of the ELRANGE
   * @param candidates pages that may have something to tell: with content, or, of changes, written since then
   * @param continues digest of the stream that this one goes on from; null of one that stands alone
   */
  public StateSummary write(
      EnclaveManifest manifest,
      EpcmTable entries,
      List<Mapping> mappings,
      MemorySegment memory,
      BitSet candidates,
      @Nullable Digest32 continues,
      StateProgress progress)
      throws IOException {
    BitSet content = (BitSet) candidates.clone();
    for (int page = content.nextSetBit(0); page >= 0; page = content.nextSetBit(page + 1)) {
      if (!EntryRules.mayHold(entries.bits(page))) {
        content.clear(page);
      }
    }
    BitSet zero = zeroes(memory, content);
    content.andNot(zero);
    header(continues);
    manifest(manifest, content.cardinality());
    entries(entries);
    mappings(mappings);
    if (continues != null) {
      runs(zero);
    }
    pages(memory, content, progress);
    byte[] digest = out.end();
    return new StateSummary(out.bytes(), content.cardinality(), Digest32.of(digest));
  }

  private void header(@Nullable Digest32 continues) throws IOException {
    ByteBuffer head = ByteBuffer.allocate(StateFormat.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    head.put(StateFormat.magic()).putInt(StateFormat.VERSION);
    head.putInt(continues == null ? StateFormat.KIND_FULL : StateFormat.KIND_CHANGES);
    head.put(continues == null ? new byte[StateFormat.DIGEST_BYTES] : continues.bytes());
    out.raw(head.flip());
  }

  private void manifest(EnclaveManifest manifest, long contentPages) throws IOException {
    EnclaveManifest.Instance instance = manifest.instance();
    buffer.clear().put(instance.name().bytes()).putLong(instance.number());
    buffer.putInt(instance.generation()).putInt(0);
    out.section(Section.INSTANCE, buffer.flip());

    EnclaveManifest.MachineNeeds machine = manifest.machine();
    buffer.clear().putLong(machine.untrustedBase()).putLong(machine.untrustedBytes());
    buffer.putInt(machine.maxThreads()).putInt(machine.components().size()).putLong(contentPages);
    for (Component component : machine.components()) {
      buffer.putInt(component.number()).putInt(component.offset()).putInt(component.bytes());
    }
    out.section(Section.MACHINE, buffer.flip());

    SecsState secs = manifest.secs();
    buffer.clear().put(secs.secs().toBytes()).putLong(secs.eid()).putLong(secs.epoch());
    buffer.putLong(secs.context().orElse(0)).putLong(secs.virtualChildren());
    put(secs.isvFamilyId());
    put(secs.isvExtProdId());
    out.section(Section.SECS, buffer.flip());

    buffer.clear();
    for (ThreadState thread : manifest.threads()) {
      room(StateFormat.THREAD_BYTES, Section.THREADS);
      buffer.putLong(thread.page()).put(thread.tcs());
      buffer.putLong(thread.savedFsBase()).putLong(thread.savedGsBase()).putLong(thread.savedTf());
    }
    flush(Section.THREADS);
  }

  private void put(Id16 id) {
    buffer.put(id.bytes());
  }

  /** Begins a new section if so many bytes do not fit into this one. */
  private void room(int bytes, Section section) throws IOException {
    if (buffer.remaining() < bytes) {
      flush(section);
    }
  }

  private void flush(Section section) throws IOException {
    buffer.flip();
    if (buffer.hasRemaining()) {
      out.section(section, buffer);
    }
    buffer.clear();
  }

  /** Neighbours that are alike become one run. */
  private void entries(EpcmTable entries) throws IOException {
    long from = 0;
    long run = 0;
    long word = 0;
    for (long page = entries.nextValid(0); page >= 0; page = entries.nextValid(page + 1)) {
      long now = entries.bits(page) | entries.epoch(page) << StateFormat.EPOCH_SHIFT;
      if (run > 0 && now == word && page == from + run) {
        run++;
        continue;
      }
      entry(from, run, word);
      from = page;
      run = 1;
      word = now;
    }
    entry(from, run, word);
    flush(Section.ENTRIES);
  }

  private void entry(long page, long count, long word) throws IOException {
    if (count > 0) {
      room(StateFormat.ENTRY_BYTES, Section.ENTRIES);
      buffer.putLong(page).putLong(count).putLong(word);
    }
  }

  private void mappings(List<Mapping> mappings) throws IOException {
    for (Mapping mapping : mappings) {
      room(StateFormat.MAPPING_BYTES, Section.MAPPINGS);
      buffer.putLong(mapping.page()).putLong(mapping.access());
    }
    flush(Section.MAPPINGS);
  }

  private static BitSet zeroes(MemorySegment memory, BitSet content) {
    BitSet zero = new BitSet();
    for (int page = content.nextSetBit(0); page >= 0; page = content.nextSetBit(page + 1)) {
      zero.set(page, isZero(memory, (long) page * PAGE));
    }
    return zero;
  }

  private static boolean isZero(MemorySegment memory, long at) {
    return memory.get(ValueLayout.JAVA_BYTE, at) == 0
        && MemorySegment.mismatch(memory, at, at + PAGE, ZERO, 0, PAGE) < 0;
  }

  private void runs(BitSet pages) throws IOException {
    for (int from = pages.nextSetBit(0); from >= 0; from = pages.nextSetBit(from)) {
      int to = pages.nextClearBit(from);
      room(StateFormat.RUN_BYTES, Section.ZEROES);
      buffer.putLong(from).putLong(to - from);
      from = to;
    }
    flush(Section.ZEROES);
  }

  private void pages(MemorySegment memory, BitSet content, StateProgress progress) throws IOException {
    long total = content.cardinality();
    long done = 0;
    for (int from = content.nextSetBit(0); from >= 0; from = content.nextSetBit(from)) {
      int count = Math.min(content.nextClearBit(from) - from, StateFormat.MAX_PAGES);
      buffer.clear().putLong(from).putInt(count).putInt(0);
      long bytes = (long) count * PAGE;
      MemorySegment.copy(memory, (long) from * PAGE, room, StateFormat.PAGES_PREFIX, bytes);
      buffer.limit(StateFormat.PAGES_PREFIX + (int) bytes).position(0);
      out.section(Section.PAGES, buffer);
      done += count;
      progress.pages(done, total);
      from += count;
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
