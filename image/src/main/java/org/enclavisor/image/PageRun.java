package org.enclavisor.image;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.Optional;
import org.enclavisor.isa.Secinfo;

/**
 * Pages one after the other that are added alike: one EADD each, in ascending order, followed by the page's sixteen
 * EEXTEND where {@code measured}.
 *
 * <p>The content is empty where all bytes are zero; as long as the run; or one page long, which then is the content of
 * every page of the run (a stack's fill pattern, for example).
 *
 * @param offset of the first page from the ELRANGE's base, in bytes
 * @param length in bytes, whole pages, at least one
 * @param secinfo what EADD is told
 * @param measured whether the pages' content enters MRENCLAVE
 * @param content the bytes, read-only
 * @param part what these pages are, for people: {@code "segment 1"}, {@code "heap"}, {@code "thread 3 stack"}
 */
public record PageRun(long offset, long length, Secinfo secinfo, boolean measured, Optional<MemorySegment> content,
    String part) {
  /** Bytes of a page. */
  public static final int PAGE = 4096;

  private static final MemorySegment ZEROES = MemorySegment.ofArray(new byte[PAGE]).asReadOnly();

  public PageRun {
    Objects.requireNonNull(secinfo);
    Objects.requireNonNull(part);
    if (offset < 0 || offset % PAGE != 0 || length < PAGE || length % PAGE != 0 || offset > Long.MAX_VALUE - length) {
      throw new IllegalArgumentException("offset=" + offset + " length=" + length + ": whole pages needed");
    }
    if (content.isPresent() && content.get().byteSize() != length && content.get().byteSize() != PAGE) {
      throw new IllegalArgumentException("content of " + content.get().byteSize() + " bytes for " + length);
    }
    content = content.map(MemorySegment::asReadOnly);
  }

  /** The end of the run. */
  public long end() {
    return offset + length;
  }

  /** How many pages. */
  public long pages() {
    return length / PAGE;
  }

  /** Whether one page is the content of several. */
  public boolean repeats() {
    return content.isPresent() && content.get().byteSize() != length;
  }

  /** The content of a page, counted from the run's beginning; zeroes where the run has none. */
  public MemorySegment page(long index) {
    Objects.checkIndex(index, pages());
    if (content.isEmpty()) {
      return ZEROES;
    }
    return repeats() ? content.get() : content.get().asSlice(index * PAGE, PAGE);
  }
}
