package org.enclavisor.monitor;

import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.RangeOutcome.Verdict;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.paging.PagedEnclave;
import org.enclavisor.monitor.paging.Pager;
import org.enclavisor.monitor.paging.PagingException;
import org.enclavisor.monitor.paging.Shootdown;
import org.enclavisor.monitor.paging.SystemLeaves;
import org.jspecify.annotations.Nullable;

/**
 * What a driver does for a host that changes the pages of an enclave that runs (SGX2): EMODPR, EMODT and EREMOVE page
 * by page, then ETRACK and kicks, so that the enclave can accept. Callers hold the enclave's lock.
 */
final class DynamicMemory {
  private static final int PAGE = SystemLeaves.PAGE;

  /** How often a leaf is tried whose page another leaf has. */
  private static final int TRIES = 1000;

  private final boolean sgx2;
  private final SystemLeaves leaves;
  private final @Nullable Pager pager;

  DynamicMemory(boolean sgx2, SystemLeaves leaves, @Nullable Pager pager) {
    this.sgx2 = sgx2;
    this.leaves = leaves;
    this.pager = pager;
  }

  /** What is done to one page; null if it went well. */
  private interface Step {
    @Nullable RangeOutcome on(SecsPage secs, long page, int bits, long done);
  }

  RangeOutcome restrict(Enclave enclave, long offset, long length, Permissions permissions) {
    if (permissions.write() && !permissions.read()) {
      return refused(Verdict.INVALID, 0, "permissions " + permissions + ": W without R");
    }
    RangeOutcome outcome = each(enclave, offset, length, (secs, page, bits, done) -> {
      if (!EpcmEntry.is(bits, PageType.REG)) {
        return refused(Verdict.INVALID, done, "%s is not a regular page".formatted(name(secs, page)));
      }
      return leaf(enclave, page, () -> leaves.emodpr(secs, page, permissions), done);
    });
    return tracked(enclave, outcome);
  }

  RangeOutcome retype(Enclave enclave, long offset, long length, PageType type) {
    if (type != PageType.TCS && type != PageType.TRIM) {
      return refused(Verdict.INVALID, 0, "page type " + type + ": expected TCS or TRIM");
    }
    RangeOutcome outcome = each(enclave, offset, length, (secs, page, bits, done) -> {
      boolean regular = EpcmEntry.is(bits, PageType.REG);
      if (!regular && !(EpcmEntry.is(bits, PageType.TCS) && type == PageType.TRIM)) {
        return refused(Verdict.INVALID, done, "%s is %s".formatted(name(secs, page), EpcmEntry.type(bits)));
      }
      return leaf(enclave, page, () -> leaves.emodt(secs, page, type), done);
    });
    return tracked(enclave, outcome);
  }

  RangeOutcome remove(Enclave enclave, long offset, long length) {
    return each(enclave, offset, length, (secs, page, bits, done) -> {
      if (!EpcmEntry.is(bits, PageType.TRIM) || EpcmEntry.modified(bits)) {
        return refused(Verdict.NOT_PERMITTED, done, "%s was not trimmed and accepted".formatted(name(secs, page)));
      }
      Leaf eremove = () -> leaves.eremove(SystemLeaves.address(secs, page));
      PagedEnclave paged = enclave.paged();
      if (pager == null || paged == null) {
        return leaf(enclave, page, eremove, done);
      }
      // It must not be evicted meanwhile: EREMOVE would find nothing to remove, and the page would come back.
      RangeOutcome[] refused = {null};
      pager.visit(paged, page, () -> refused[0] = leaf(enclave, page, eremove, done));
      if (refused[0] == null) {
        pager.removed(paged, page);
      }
      return refused[0];
    });
  }

  private RangeOutcome each(Enclave enclave, long offset, long length, Step step) {
    SecsPage secs = enclave.secs();
    if (!sgx2 || !secs.initialised()) {
      return refused(Verdict.INVALID, 0, sgx2 ? "the enclave is not initialised" : "the processor has no SGX2");
    }
    if ((offset | length) % PAGE != 0 || offset < 0 || length <= 0 || offset > secs.size() - length) {
      return refused(
          Verdict.INVALID, 0, "offset=0x%x length=0x%x: expected whole pages in the ELRANGE".formatted(offset, length));
    }
    for (long done = 0; done < length; done += PAGE) {
      RangeOutcome refused;
      try {
        refused = one(enclave, (offset + done) / PAGE, step, done);
      } catch (PagingException e) {
        refused = refused(Verdict.BUSY, done, String.valueOf(e.getMessage()));
      }
      if (refused != null) {
        return refused;
      }
    }
    return new RangeOutcome(Verdict.DONE, 0, length, "");
  }

  private @Nullable RangeOutcome one(Enclave enclave, long page, Step step, long done) {
    SecsPage secs = enclave.secs();
    int bits;
    do {
      load(enclave, page);
      bits = secs.pages().bits(page);
    } while (!EpcmEntry.valid(bits) && held(enclave, page));
    return EpcmEntry.valid(bits)
        ? step.on(secs, page, bits, done)
        : refused(Verdict.FAILED, done, "%s was never added".formatted(name(secs, page)));
  }

  private void load(Enclave enclave, long page) {
    PagedEnclave paged = enclave.paged();
    if (pager != null && paged != null) {
      pager.load(paged, page);
    }
  }

  /** Whether a page that is not in the EPC is evicted. */
  private boolean held(Enclave enclave, long page) {
    PagedEnclave paged = enclave.paged();
    return pager != null && paged != null && pager.holds(paged, page);
  }

  private interface Leaf {
    Outcome execute();
  }

  private @Nullable RangeOutcome leaf(Enclave enclave, long page, Leaf leaf, long done) {
    Outcome outcome = leaf.execute();
    for (int tries = 1; outcome instanceof Outcome.Fault && tries < TRIES; tries++) {
      Thread.onSpinWait();
      load(enclave, page); // it may have been evicted again before the leaf came to it
      outcome = leaf.execute();
    }
    return switch (outcome) {
      case Outcome.Ok _ -> null;
      case Outcome.Error(var error, boolean _, String reason) ->
          new RangeOutcome(Verdict.FAILED, error.code(), done, reason);
      case Outcome.Fault fault -> refused(Verdict.FAILED, done, fault.toString());
    };
  }

  /** The part that every change needs before an enclave can accept it: nobody uses what was before any more. */
  private RangeOutcome tracked(Enclave enclave, RangeOutcome outcome) {
    if (outcome.count() == 0) {
      return outcome;
    }
    SecsPage secs = enclave.secs();
    long stamp = secs.tracking().epoch();
    Outcome tracked = Shootdown.track(leaves, secs);
    if (!tracked.ok() || !Shootdown.complete(secs, stamp)) {
      return refused(Verdict.FAILED, outcome.count(), "threads inside do not come out: " + tracked);
    }
    return outcome;
  }

  private static String name(SecsPage secs, long page) {
    return "the page at 0x%x".formatted(secs.base() + page * PAGE);
  }

  private static RangeOutcome refused(Verdict verdict, long done, String reason) {
    return new RangeOutcome(verdict, 0, done, reason);
  }
}
