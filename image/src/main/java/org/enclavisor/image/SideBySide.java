package org.enclavisor.image;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;

/** Goes through two lists of pages side by side, as many pages at a time as both runs have. Not for several threads. */
final class SideBySide {
  private final Cursor image;
  private final Cursor reference;
  private long index;

  SideBySide(List<PageRun> image, List<PageRun> reference) {
    this.image = new Cursor(image);
    this.reference = new Cursor(reference);
  }

  Optional<Difference> firstDifference() {
    while (image.more() && reference.more()) {
      long pages = Math.min(image.left(), reference.left());
      Optional<Difference> found = compare(pages);
      if (found.isPresent()) {
        return found;
      }
      index += pages;
      image.advance(pages);
      reference.advance(pages);
    }
    if (!image.more() && !reference.more()) {
      return Optional.empty();
    }
    Cursor longer = image.more() ? image : reference;
    return Optional.of(new Difference.Length(index, image.more(), longer.offset(), longer.run().part()));
  }

  private Optional<Difference> compare(long pages) {
    PageRun a = image.run();
    PageRun b = reference.run();
    if (image.offset() != reference.offset()) {
      return page(0, "offset", "0x" + Long.toHexString(image.offset()), "0x" + Long.toHexString(reference.offset()));
    }
    if (a.secinfo().flags() != b.secinfo().flags()) {
      return page(0, "SECINFO", a.secinfo().toString(), b.secinfo().toString());
    }
    if (a.measured() != b.measured()) {
      return page(0, "measured", a.measured() ? "yes" : "no", b.measured() ? "yes" : "no");
    }
    if (!a.measured() || a.content().isEmpty() && b.content().isEmpty()) {
      return Optional.empty();
    }
    boolean uniform = (a.repeats() || a.content().isEmpty()) && (b.repeats() || b.content().isEmpty());
    for (long i = 0; i < (uniform ? 1 : pages); i++) {
      long at = image.page(i).mismatch(reference.page(i));
      if (at >= 0) {
        return page(i, "byte 0x" + Long.toHexString(at), byteOf(image, i, at), byteOf(reference, i, at));
      }
    }
    return Optional.empty();
  }

  private Optional<Difference> page(long i, String what, String found, String wanted) {
    return Optional.of(new Difference.Page(index + i, image.offset() + i * PageRun.PAGE, image.run().part(), what,
        found, wanted));
  }

  private static String byteOf(Cursor cursor, long i, long at) {
    return "0x%02x".formatted(cursor.page(i).get(ValueLayout.JAVA_BYTE, at));
  }

  /** A place in a list of runs. */
  private static final class Cursor {
    private final List<PageRun> runs;
    private int at;
    private long done;

    Cursor(List<PageRun> runs) {
      this.runs = runs;
    }

    boolean more() {
      return at < runs.size();
    }

    PageRun run() {
      return runs.get(at);
    }

    long left() {
      return run().pages() - done;
    }

    long offset() {
      return run().offset() + done * PageRun.PAGE;
    }

    MemorySegment page(long i) {
      return run().page(done + i);
    }

    void advance(long pages) {
      done += pages;
      if (done == run().pages()) {
        at++;
        done = 0;
      }
    }
  }
}
