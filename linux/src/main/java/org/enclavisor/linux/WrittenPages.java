package org.enclavisor.linux;

import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;

/**
 * Which pages of an ELRANGE's memory file were written since a mark: through the enclave process's mapping, through the
 * JVM's, or past both. Confined to its owner's lock.
 *
 * <p>A page of the file that was a hole at the mark and is there now counts as written: it takes a touch to make one.
 * For the others the kernel is asked ({@link WriteWatch}). Where it cannot tell, every page that is there counts.
 */
public final class WrittenPages implements AutoCloseable {
  private final int file;

  private final MemorySegment own;

  /** Of the process's mapping and, from the first mark on, of the JVM's; empty if the kernel cannot tell for both. */
  private List<WriteWatch> watches;

  private final BitSet noted = new BitSet();
  private final BitSet remapped = new BitSet();
  private BitSet atMark = new BitSet();
  private boolean marked;

  /**
   * For a file and its mappings.
   *
   * @param process the watch of the process's mapping, which is closed with this
   * @param own the JVM's mapping
   */
  public WrittenPages(int file, Optional<WriteWatch> process, MemorySegment own) {
    this.file = file;
    this.own = own;
    this.watches = process.map(List::of).orElse(List.of());
  }

  /** Whether the kernel tells each page, as is known after the first mark; if not, all count that cost memory. */
  public boolean exact() {
    return watches.size() == 2;
  }

  private void watchOwn() {
    Optional<WriteWatch> mine = watches.isEmpty() ? Optional.empty() : WriteWatch.ofOwn(own);
    if (mine.isEmpty()) {
      watches.forEach(WriteWatch::close);
    }
    watches = mine.map(watch -> List.of(watches.getFirst(), watch)).orElse(List.of());
  }

  /** Pages are about to be written past every mapping, or to be lost. */
  public void note(long offset, long length) {
    if (marked) {
      noted.set((int) (offset / Kernel.PAGE), (int) ((offset + length) / Kernel.PAGE));
    }
  }

  /** A page of the process is about to be mapped anew: nobody watches it until the next mark. */
  void remap(long offset) {
    if (marked) {
      note(offset, Kernel.PAGE);
      remapped.set((int) (offset / Kernel.PAGE));
    }
  }

  /** Sets a mark; what was written since the one before. */
  public BitSet mark() {
    if (!marked) {
      watchOwn();
    }
    BitSet there = Kernel.dataPages(file, own.byteSize());
    BitSet known = (BitSet) there.clone();
    known.and(atMark);
    BitSet fresh = (BitSet) there.clone();
    fresh.andNot(atMark);
    BitSet result = (BitSet) noted.clone();
    result.or(watches.isEmpty() ? there : fresh);
    remapped.and(there);
    fresh.or(remapped);
    for (WriteWatch watch : watches) {
      watch.register();
      watch.written(known, true, result);
      watch.protect(fresh);
    }
    boolean first = !marked;
    atMark = there;
    noted.clear();
    remapped.clear();
    marked = true;
    return first ? new BitSet() : result;
  }

  /** What was written since the mark. */
  public BitSet since() {
    if (!marked) {
      throw new IllegalStateException("no mark was set");
    }
    BitSet there = Kernel.dataPages(file, own.byteSize());
    BitSet known = (BitSet) there.clone();
    known.and(atMark);
    BitSet result = (BitSet) there.clone();
    if (!watches.isEmpty()) {
      result.andNot(atMark);
    }
    result.or(noted);
    for (WriteWatch watch : watches) {
      watch.written(known, false, result);
    }
    return result;
  }

  @Override
  public void close() {
    watches.forEach(WriteWatch::close);
  }
}
