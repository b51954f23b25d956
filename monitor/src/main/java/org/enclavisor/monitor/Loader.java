package org.enclavisor.monitor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.MeasurementQueue;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.leaf.Eadd;
import org.jspecify.annotations.Nullable;

/**
 * EADD and EEXTEND of many pages: the leaves' own checks, once for a run instead of once a page, and pages are stored
 * while those before them are hashed. The outcome is that of the single leaves, one after another. Callers hold the
 * enclave's lock.
 */
final class Loader {
  private static final int PAGE = Eadd.PAGE;

  /** Pages that are copied, stored and handed to the hash in one piece, so that they are in a cache all the while. */
  private static final int BATCH = 64;

  /** Zero pages in one piece of the measurement. */
  private static final int ZERO_BATCH = 1 << 16;

  private static final MemorySegment ZERO_PAGE = MemorySegment.ofArray(new byte[PAGE]).asReadOnly();

  private Loader() {}

  /** How far it came. */
  record Progress(long pages, Outcome outcome) {}

  /**
   * @param pages their bytes; null if all are zero
   * @param bytes how many
   */
  static Progress add(
      SecsPage secs, long offset, Secinfo secinfo, @Nullable MemorySegment pages, long bytes, boolean measured) {
    if ((offset & (PAGE - 1)) != 0 || bytes <= 0 || (bytes & (PAGE - 1)) != 0) {
      return new Progress(
          0, Outcome.gp("offset=0x%x length=0x%x: expected whole pages, at least one".formatted(offset, bytes)));
    }
    Outcome.Fault type = Eadd.checkSecinfo(secinfo);
    if (type != null) {
      return new Progress(0, type);
    }
    long first = offset / PAGE;
    long count = bytes / PAGE;
    if (!secs.building().tryTake()) {
      return new Progress(0, Outcome.gp("another leaf updates the measurement"));
    }
    try {
      return secinfo.type() == PageType.TCS
          ? threads(secs, first, count, secinfo, pages, measured)
          : regular(secs, first, count, secinfo, pages, measured);
    } finally {
      secs.building().release();
    }
  }

  private static Progress regular(
      SecsPage secs, long first, long count, Secinfo secinfo, @Nullable MemorySegment pages, boolean measured) {
    long inside = first < 0 ? 0 : Math.clamp(secs.pages().pages() - first, 0, count);
    long taken = inside == 0 ? -1 : secs.pages().firstValid(first, inside);
    long free = taken < 0 ? inside : taken - first;
    Outcome.Fault refused = null;
    if (taken != first) {
      // What the leaf asks of every page after it has found the EPC page empty.
      refused = Eadd.checkPermissions(secinfo);
      if (refused == null && free > 0 && secs.initialised()) {
        refused = Outcome.gp("the enclave is initialised already");
      }
    }
    if (refused != null) {
      return new Progress(0, refused);
    }
    if (free == 0) {
      return new Progress(0, stop(secs, first));
    }
    if (pages == null) {
      zeroes(secs.measurement(), first, free, secinfo, measured);
    } else {
      copy(secs, first, free, secinfo, pages, measured);
    }
    Eadd.commit(secs, first, free, secinfo, null);
    if (free == count) {
      return new Progress(count, Outcome.success());
    }
    return new Progress(free, stop(secs, first + free));
  }

  private static Outcome.Fault stop(SecsPage secs, long page) {
    long address = secs.base() + page * PAGE;
    if (EpcmEntry.valid(secs.pages().bits(page))) {
      return Outcome.pf(address, true, "the page at 0x%x is valid already".formatted(address));
    }
    return Eadd.outside(address, secs);
  }

  private static void zeroes(
      MeasurementQueue measurement, long first, long count, Secinfo secinfo, boolean measured) {
    for (long done = 0; done < count; done += ZERO_BATCH) {
      int batch = (int) Math.min(ZERO_BATCH, count - done);
      measurement.zeroes(first + done, batch, secinfo, measured);
    }
  }

  private static void copy(
      SecsPage secs, long first, long count, Secinfo secinfo, MemorySegment pages, boolean measured) {
    try (Arena arena = Arena.ofConfined()) {
      // The source may change under our hands: from one copy of our own the pages are judged, stored and measured.
      MemorySegment snapshot = arena.allocate(Math.min(BATCH, count) * PAGE, PAGE);
      for (long done = 0; done < count; done += BATCH) {
        int batch = (int) Math.min(BATCH, count - done);
        MemorySegment.copy(pages, done * PAGE, snapshot, 0, (long) batch * PAGE);
        BitSet touched = new BitSet(batch);
        for (int i = 0; i < batch; i++) {
          touched.set(i, !Eadd.zero(snapshot.asSlice((long) i * PAGE, PAGE)));
        }
        int from = touched.nextSetBit(0);
        while (from >= 0) {
          int to = touched.nextClearBit(from);
          MemorySegment run = snapshot.asSlice((long) from * PAGE, (long) (to - from) * PAGE);
          secs.memory().filler().fill((first + done + from) * PAGE, run);
          from = touched.nextSetBit(to);
        }
        if (measured && !touched.isEmpty()) {
          secs.measurement().pages(first + done, batch, secinfo, snapshot);
        } else {
          secs.measurement().zeroes(first + done, batch, secinfo, measured);
        }
      }
    }
  }

  private static Progress threads(
      SecsPage secs, long first, long count, Secinfo secinfo, @Nullable MemorySegment pages, boolean measured) {
    Secinfo forced = Eadd.forced(secinfo);
    for (long i = 0; i < count; i++) {
      long page = first + i;
      boolean inside = page >= 0 && page < secs.pages().pages();
      if (inside && EpcmEntry.valid(secs.pages().bits(page))) {
        return new Progress(i, stop(secs, page));
      }
      MemorySegment bytes = MemorySegment.ofArray(new byte[PAGE]);
      bytes.copyFrom(pages == null ? ZERO_PAGE : pages.asSlice(i * PAGE, PAGE));
      Outcome.Fault content = Eadd.checkContent(secinfo, bytes);
      if (content != null) {
        return new Progress(i, content);
      }
      if (!inside) {
        return new Progress(i, stop(secs, page));
      }
      if (secs.initialised()) {
        return new Progress(i, Outcome.gp("the enclave is initialised already"));
      }
      TcsPage tcs = new TcsPage(page, secs.base() + page * PAGE, bytes);
      if (measured) {
        secs.measurement().pages(page, 1, forced, MemorySegment.ofArray(tcs.bytes()));
      } else {
        secs.measurement().zeroes(page, 1, forced, false);
      }
      Eadd.commit(secs, page, 1, forced, tcs);
    }
    return new Progress(count, Outcome.success());
  }
}
