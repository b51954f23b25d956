package org.enclavisor.linux;

import java.util.BitSet;

/**
 * Which pages of a memory file may have been written since a mark: those that the file holds, for a page that was ever
 * touched is there, and those that were discarded. Confined to its owner's lock.
 */
public final class WrittenPages {
  private final int file;
  private final long bytes;
  private final BitSet noted = new BitSet();
  private boolean marked;

  /** For a file of so many bytes. */
  public WrittenPages(int file, long bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  /** The pages of a range are about to lose their content. */
  public void discarding(long offset, long length) {
    if (marked) {
      noted.set((int) (offset / Kernel.PAGE), (int) ((offset + length) / Kernel.PAGE));
    }
  }

  /** Sets a mark; what was written since the one before. */
  public BitSet mark() {
    BitSet before = marked ? since() : new BitSet();
    marked = true;
    noted.clear();
    return before;
  }

  /** What was written since the mark. */
  public BitSet since() {
    if (!marked) {
      throw new IllegalStateException("no mark was set");
    }
    BitSet pages = Kernel.dataPages(file, bytes);
    pages.or(noted);
    return pages;
  }
}
