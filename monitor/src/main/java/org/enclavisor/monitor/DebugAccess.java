package org.enclavisor.monitor;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.PageType;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.leaf.Edbgrd;
import org.enclavisor.monitor.leaf.Edbgwr;

/** Any bytes of a debug enclave by the leaves that move whole words. Confined to one thread. */
final class DebugAccess {
  private static final int PAGE = 4096;
  private static final int WORD = Edbgrd.WORD;

  /** Brings a page into the EPC. */
  interface Reload {
    /** Whether the page is there now, so that the leaf is repeated. */
    boolean load(long page);
  }

  /** A page that was brought in may be gone before the leaf gets to it. */
  private static final int MAX_ATTEMPTS = 8;

  private final Epc epc;
  private final SecsPage secs;
  private final Reload reload;
  private final MemorySegment word = MemorySegment.ofArray(new byte[WORD]);

  /**
   * @param reload asked where a leaf faults
   */
  DebugAccess(Epc epc, SecsPage secs, Reload reload) {
    this.epc = epc;
    this.secs = secs;
    this.reload = reload;
  }

  Outcome read(long address, MemorySegment into) {
    return each(
        address,
        into,
        (page, within, part) -> {
          if (part.byteSize() % WORD == 0) {
            return Edbgrd.read(epc, page + within, part);
          }
          Outcome outcome = Edbgrd.read(epc, page + (within & -WORD), word);
          if (outcome.ok()) {
            MemorySegment.copy(word, within % WORD, part, 0, part.byteSize());
          }
          return outcome;
        });
  }

  Outcome write(long address, MemorySegment from) {
    return each(
        address,
        from,
        (page, within, part) -> {
          if (part.byteSize() % WORD == 0) {
            return Edbgwr.write(epc, page + within, part);
          }
          Outcome outcome = Edbgrd.read(epc, page + (within & -WORD), word);
          if (!outcome.ok()) {
            return outcome;
          }
          MemorySegment.copy(part, 0, word, within % WORD, part.byteSize());
          return Edbgwr.write(epc, page + (within & -WORD), word);
        });
  }

  private interface Step {
    /** Whole words, or some bytes of one, at an offset of an EPC page. */
    Outcome take(long page, int within, MemorySegment part);
  }

  private Outcome each(long address, MemorySegment bytes, Step step) {
    long at = 0;
    while (at < bytes.byteSize()) {
      long linear = address + at;
      if (!secs.contains(linear)) {
        return Outcome.gp("0x%x is not in the ELRANGE".formatted(linear));
      }
      int within = (int) linear & (PAGE - 1);
      long left = Math.min(bytes.byteSize() - at, PAGE - within);
      long part = length(linear, within, left);
      long page = Epc.address(secs.elrange().firstFrame()) + (linear - secs.base() & -PAGE);
      Outcome outcome = step.take(page, within, bytes.asSlice(at, part));
      for (int i = 0; outcome instanceof Outcome.Fault && i < MAX_ATTEMPTS && reload.load(number(linear)); i++) {
        outcome = step.take(page, within, bytes.asSlice(at, part));
      }
      if (!outcome.ok()) {
        return outcome;
      }
      at += part;
    }
    return Outcome.success();
  }

  private long number(long linear) {
    return (linear - secs.base()) / PAGE;
  }

  /** How much of what is left in a page goes at once: the rest of a word, whole words, or the begin of one. */
  private long length(long linear, int within, long left) {
    if (within % WORD != 0 || left < WORD) {
      return Math.min(left, WORD - within % WORD);
    }
    // The words of a TCS are not alike.
    return EpcmEntry.is(secs.bits(linear), PageType.TCS) ? WORD : left & -WORD;
  }
}
