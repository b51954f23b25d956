package org.enclavisor.monitor.state;

import org.enclavisor.isa.PageType;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.jspecify.annotations.Nullable;

/** What an EPCM entry of an ELRANGE can be, as EADD, EAUG, EMODPR, EMODT, EACCEPT and EBLOCK leave it. */
public final class EntryRules {
  private static final int BITS = 0x7FF;
  private static final int TYPE_SHIFT = 4;

  private EntryRules() {}

  /** Why no leaf leaves an entry like this; null if one does. */
  static @Nullable String complaint(int bits) {
    if ((bits & ~BITS) != 0 || !EpcmEntry.valid(bits)) {
      return "a valid entry";
    }
    PageType type = PageType.of(bits >>> TYPE_SHIFT & 7).orElse(PageType.SECS);
    boolean known =
        switch (type) {
          case REG, TCS, TRIM -> true;
          case SECS, VA, SS_FIRST, SS_REST -> false;
        };
    if (!known) {
      return "PT_REG, PT_TCS or PT_TRIM";
    }
    if (EpcmEntry.writable(bits) && !EpcmEntry.readable(bits)) {
      return "no W without R";
    }
    if (EpcmEntry.pending(bits) && (EpcmEntry.modified(bits) || EpcmEntry.pr(bits))) {
      return "PENDING alone";
    }
    if (type != PageType.REG && (EpcmEntry.pending(bits) || EpcmEntry.pr(bits))) {
      return "PENDING and PR on PT_REG only";
    }
    if (type == PageType.REG && EpcmEntry.modified(bits)) {
      return "MODIFIED on PT_TCS and PT_TRIM only";
    }
    return null;
  }

  /** Whether a page of such an entry can have bytes other than zero in the enclave's memory. */
  public static boolean mayHold(int bits) {
    return EpcmEntry.valid(bits)
        && !EpcmEntry.pending(bits)
        && (!EpcmEntry.is(bits, PageType.TCS) || EpcmEntry.modified(bits));
  }

  /** Whether the monitor has to have a TCS of its own for the page. */
  public static boolean needsThread(int bits) {
    return EpcmEntry.is(bits, PageType.TCS) && !EpcmEntry.modified(bits);
  }
}
