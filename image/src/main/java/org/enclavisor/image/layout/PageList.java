package org.enclavisor.image.layout;

import static org.enclavisor.image.elf.HostileBytes.hex;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.enclavisor.image.Limits;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.image.PageRun;
import org.enclavisor.isa.Secinfo;

/**
 * Collects an image's pages in the order of EADD and refuses what could not be added: pages outside the ELRANGE, two
 * pages in one place, and more than {@link Limits} allow. Not for several threads.
 */
public final class PageList {
  private final String name;
  private final long elrange;
  private final List<PageRun> runs = new ArrayList<>();
  private long pages;
  private long measuredBytes;

  /**
   * @param name of the image, for errors
   * @param elrange its size in bytes
   */
  public PageList(String name, long elrange) {
    if (elrange < PageRun.PAGE || elrange > Limits.ELRANGE || Long.bitCount(elrange) != 1) {
      throw new MalformedImageException(name + ": ELRANGE size", -1,
          "a power of two from 0x1000 to " + hex(Limits.ELRANGE), hex(elrange));
    }
    this.name = name;
    this.elrange = elrange;
  }

  /** Adds pages whose content are bytes of the file, or of a copy that is no larger than it. */
  public void addContent(long offset, MemorySegment content, Secinfo secinfo, boolean measured, String part) {
    check(offset, content.byteSize(), measured, part);
    runs.add(new PageRun(offset, content.byteSize(), secinfo, measured, Optional.of(content), part));
  }

  /** Adds pages that are all alike: zeroes, or one page's content throughout. A length of 0 adds nothing. */
  public void addFill(long offset, long length, Secinfo secinfo, boolean measured, Optional<MemorySegment> page,
      String part) {
    if (length == 0) {
      return;
    }
    check(offset, length, measured, part);
    runs.add(new PageRun(offset, length, secinfo, measured, page, part));
  }

  private void check(long offset, long length, boolean measured, String part) {
    if (offset < 0 || length < PageRun.PAGE || offset % PageRun.PAGE != 0 || length % PageRun.PAGE != 0) {
      throw new MalformedImageException(name + ": " + part, -1, "whole pages",
          "offset " + hex(offset) + ", length " + hex(length));
    }
    if (offset > elrange || length > elrange - offset) {
      throw new MalformedImageException(name + ": " + part, -1, "pages inside the ELRANGE of " + hex(elrange),
          "offset " + hex(offset) + ", length " + hex(length));
    }
    pages += length / PageRun.PAGE;
    if (pages > Limits.PAGES) {
      throw new MalformedImageException(name + ": " + part, -1, "at most " + Limits.PAGES + " pages in all",
          Long.toString(pages));
    }
    measuredBytes += measured ? length : 0;
    if (measuredBytes > Limits.MEASURED) {
      throw new MalformedImageException(name + ": " + part, -1, "at most " + hex(Limits.MEASURED)
          + " measured bytes in all", hex(measuredBytes));
    }
    if (runs.size() >= Limits.RUNS + pages / 8) {
      throw new MalformedImageException(name + ": " + part, -1, "at most " + Limits.RUNS + " runs of pages",
          "more");
    }
  }

  /** The pages in the order they came, when no two of them are in one place. */
  public List<PageRun> finish() {
    List<PageRun> sorted = new ArrayList<>(runs);
    sorted.sort(Comparator.comparingLong(PageRun::offset));
    for (int i = 1; i < sorted.size(); i++) {
      PageRun below = sorted.get(i - 1);
      PageRun above = sorted.get(i);
      if (below.end() > above.offset()) {
        throw new MalformedImageException(name + ": " + above.part(), -1,
            "pages at or above " + hex(below.end()) + ", where " + below.part() + " ends", hex(above.offset()));
      }
    }
    return List.copyOf(runs);
  }
}
