package org.enclavisor.monitor.leaf;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Tcs;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.jspecify.annotations.Nullable;

/**
 * ENCLU[EACCEPT]: accepts what the system made of a page: EAUG, EMODPR or EMODT (SDM 3D, “EACCEPT—Accept Changes to an
 * EPC Page”).
 *
 * <p>The bytes of an accepted TCS move into the monitor, where no enclave code reaches them.
 */
public final class Eaccept {
  private static final int PAGE = 4096;
  private static final int SEGMENT_LIMIT = 0xFFF;

  private Eaccept() {}

  /**
   * @param rbx linear address of a SECINFO
   * @param rcx linear address of the page
   */
  public static Outcome execute(SecsPage secs, long rbx, long rcx) {
    Outcome.Fault fault = EnclaveOperand.readable(secs, rbx, Secinfo.ALIGNMENT, "SECINFO");
    if (fault != null) {
      return fault;
    }
    MemorySegment bytes = EnclaveOperand.copy(secs, rbx, Secinfo.BYTES);
    if (Secinfo.hasReservedBits(bytes)) {
      return Outcome.gp("SECINFO has reserved bits set");
    }
    fault = EnclaveOperand.aligned(rcx, PAGE, "the page");
    if (fault == null) {
      fault = EnclaveOperand.inside(secs, rcx, "the page");
    }
    if (fault == null) {
      fault = EnclaveOperand.mapped(secs, rcx, false);
    }
    if (fault != null) {
      return fault;
    }
    Secinfo secinfo = Secinfo.read(bytes);
    if (!legal(secinfo)) {
      return Outcome.gp("SECINFO=" + secinfo + ": there is nothing of that kind to accept");
    }
    int bits = secs.bits(rcx);
    if (!EpcmEntry.valid(bits) || EpcmEntry.blocked(bits) || !acceptable(EpcmEntry.type(bits))) {
      return Outcome.pf(rcx, false, "the page at 0x%x is not valid, blocked or of a wrong type".formatted(rcx));
    }
    long page = (rcx - secs.base()) / PAGE;
    if (!secs.pages().tryShared(page)) {
      return Operands.busy(rcx);
    }
    try {
      if (!secs.pages().tryModify(page)) {
        return Operands.busy(rcx);
      }
      try {
        return accept(secs, page, rcx, secinfo);
      } finally {
        secs.pages().releaseModify(page);
      }
    } finally {
      secs.pages().releaseShared(page);
    }
  }

  /** Whether PT, PENDING, MODIFIED and PR go together. */
  private static boolean legal(Secinfo secinfo) {
    return switch (secinfo.type()) {
      case REG -> (secinfo.pr() || secinfo.pending()) && !secinfo.modified();
      case TCS, TRIM -> !secinfo.pr() && !secinfo.pending() && secinfo.modified();
      case SECS, VA, SS_FIRST, SS_REST -> false;
    };
  }

  private static boolean acceptable(PageType type) {
    return type == PageType.REG || type == PageType.TCS || type == PageType.TRIM;
  }

  private static Outcome accept(SecsPage secs, long page, long rcx, Secinfo secinfo) {
    int bits = secs.pages().bits(page);
    if (!EpcmEntry.valid(bits)) {
      return Outcome.pf(rcx, false, "the page at 0x%x is not valid any more".formatted(rcx));
    }
    if (EpcmEntry.pending(bits) != secinfo.pending()
        || EpcmEntry.modified(bits) != secinfo.modified()
        || EpcmEntry.permissions(bits) != secinfo.permissions().bits()
        || !EpcmEntry.is(bits, secinfo.type())) {
      return Outcome.error(
          SgxError.SGX_PAGE_ATTRIBUTES_MISMATCH,
          "SECINFO=%s: the page is %s".formatted(secinfo, secs.pages().entry(page, secs.base()).secinfo()));
    }
    boolean stamped = EpcmEntry.modified(bits) || EpcmEntry.pr(bits);
    if (stamped && !secs.tracking().tracked(secs.pages().epoch(page))) {
      return Outcome.error(
          SgxError.SGX_NOT_TRACKED, "a thread may still use the page at 0x%x as it was".formatted(rcx));
    }
    if (stamped) {
      // Tracking has told every thread; a machine that was just then granting what was taken away hears of it now.
      secs.translations().flush();
    }
    TcsPage tcs = null;
    switch (secinfo.type()) {
      case TCS -> {
        secs.translations().revoke(page);
        MemorySegment content = EnclaveOperand.copy(secs, rcx, Tcs.BYTES);
        Outcome.Fault fault = checkTcs(secs, content);
        if (fault != null) {
          return fault;
        }
        tcs = TcsPage.restored(page, rcx, content);
      }
      case TRIM -> {
        TcsPage trimmed = secs.threads().get(page);
        if (trimmed != null && trimmed.lock() != TcsPage.INACTIVE) {
          return Outcome.error(SgxError.SGX_NOT_TRACKED, "a thread is inside on the TCS at 0x%x".formatted(rcx));
        }
        // Left locked: whoever has found it before it was trimmed does not get in on it.
        secs.translations().revoke(page);
        secs.threads().remove(page);
      }
      case REG, SECS, VA, SS_FIRST, SS_REST -> {}
    }
    if (tcs != null) {
      secs.translations().discard(page);
      secs.threads().add(tcs);
    }
    secs.pages().update(page, EpcmEntry.WAITING, 0);
    return Outcome.success();
  }

  /** What a page has to hold to become a TCS. Without CET the fields from OCETSSA on are reserved. */
  private static Outcome.@Nullable Fault checkTcs(SecsPage secs, MemorySegment content) {
    if (!Eadd.zero(content.asSlice(Eadd.TCS_RESERVED))) {
      return Outcome.gp("TCS has reserved bytes set");
    }
    long state = content.get(JAVA_LONG_UNALIGNED, Tcs.STATE_OFFSET);
    long flags = content.get(JAVA_LONG_UNALIGNED, Tcs.FLAGS_OFFSET);
    int cssa = content.get(JAVA_INT_UNALIGNED, Tcs.CSSA_OFFSET);
    int nssa = content.get(JAVA_INT_UNALIGNED, Tcs.NSSA_OFFSET);
    long aep = content.get(JAVA_LONG_UNALIGNED, Tcs.AEP_OFFSET);
    if ((flags & Tcs.DBGOPTIN) != 0 || Integer.compareUnsigned(cssa, nssa) >= 0 || aep != 0 || state != 0) {
      return Outcome.gp(
          "TCS.FLAGS=0x%x CSSA=%s NSSA=%s AEP=0x%x STATE=0x%x: expected DBGOPTIN clear, CSSA < NSSA, AEP and STATE 0"
              .formatted(flags, Integer.toUnsignedString(cssa), Integer.toUnsignedString(nssa), aep, state));
    }
    int fs = content.get(JAVA_INT_UNALIGNED, Tcs.FSLIMIT_OFFSET);
    int gs = content.get(JAVA_INT_UNALIGNED, Tcs.GSLIMIT_OFFSET);
    if (!secs.attributes().has(Attributes.MODE64BIT) && (fs & gs & SEGMENT_LIMIT) != SEGMENT_LIMIT) {
      return Outcome.gp("TCS.FSLIMIT or GSLIMIT is not one less than a multiple of 4096");
    }
    return null;
  }
}
