package org.enclavisor.conformance.model;

import static org.enclavisor.conformance.model.ModelAnswer.cf;
import static org.enclavisor.conformance.model.ModelAnswer.gp;
import static org.enclavisor.conformance.model.ModelAnswer.notMapped;
import static org.enclavisor.conformance.model.ModelAnswer.ok;
import static org.enclavisor.conformance.model.ModelAnswer.pf;
import static org.enclavisor.conformance.model.ModelAnswer.plain;
import static org.enclavisor.conformance.model.ModelAnswer.zf;
import static org.enclavisor.conformance.model.ModelBuild.u64;

import org.enclavisor.conformance.LeafResult;
import org.enclavisor.isa.SgxError;
import org.jspecify.annotations.Nullable;

/** EAUG, EMODPR, EMODT, ERDINFO, EDBGRD, EDBGWR and the leaves of ENCLV. */
final class ModelChange {
  private static final int PAGE = 4096;
  private static final int TCS_LIMIT = 72;

  private final Model model;

  ModelChange(Model model) {
    this.model = model;
  }

  LeafResult eaug(long rbx, long rcx) {
    if ((rbx & 31) != 0 || (rcx & PAGE - 1) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rcx);
    if (page == null) {
      return pf(rcx);
    }
    byte[] pageinfo = model.memory.read(rbx, 32);
    if (pageinfo == null) {
      return notMapped(rbx);
    }
    long linear = u64(pageinfo, 0);
    long secsAt = u64(pageinfo, 24);
    if (((linear | secsAt) & PAGE - 1) != 0 || u64(pageinfo, 8) != 0 || (u64(pageinfo, 16) & 63) != 0) {
      return gp();
    }
    ModelPage secsPage = model.epc(secsAt);
    if (secsPage == null) {
      return pf(secsAt);
    }
    if (model.exclusive(page) != null) {
      return gp();
    }
    if (page.valid) {
      return pf(rcx);
    }
    if (u64(pageinfo, 16) != 0) {
      // It could ask for a shadow stack, were there any.
      return model.memory.mapped(u64(pageinfo, 16), 64) ? gp() : notMapped(u64(pageinfo, 16));
    }
    if (model.shared(secsPage) != null) {
      return gp();
    }
    if (!secsPage.is(ModelPage.PT_SECS)) {
      return pf(secsAt);
    }
    ModelSecs secs = secsPage.secs();
    if (!secs.initialised || !secs.contains(linear)) {
      return gp();
    }
    page.content = new byte[PAGE];
    page.set(ModelPage.PT_REG, 3 | 8, linear, secs);
    return plain();
  }

  LeafResult emodpr(long rbx, long rcx) {
    if ((rbx & 63) != 0 || (rcx & PAGE - 1) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rcx);
    if (page == null) {
      return pf(rcx);
    }
    byte[] secinfo = model.memory.read(rbx, 64);
    if (secinfo == null) {
      return notMapped(rbx);
    }
    long flags = u64(secinfo, 0);
    if (ModelBuild.reserved(secinfo) || (flags & 3) == 2) {
      return gp();
    }
    if (model.shared(page) != null) {
      return gp();
    }
    if (!page.valid) {
      return pf(rcx);
    }
    if (model.changeHeld(page)) {
      return zf(SgxError.SGX_EPC_PAGE_CONFLICT);
    }
    if (page.pending || page.modified) {
      return zf(SgxError.SGX_PAGE_NOT_MODIFIABLE);
    }
    if (page.type != ModelPage.PT_REG) {
      return pf(rcx);
    }
    if (!page.secs().initialised) {
      return gp();
    }
    page.shrink(model.now);
    page.pr = true;
    page.permissions(page.flags() & flags);
    page.stamp = page.secs().epoch;
    return ok();
  }

  LeafResult emodt(long rbx, long rcx) {
    if ((rbx & 63) != 0 || (rcx & PAGE - 1) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rcx);
    if (page == null) {
      return pf(rcx);
    }
    byte[] secinfo = model.memory.read(rbx, 64);
    if (secinfo == null) {
      return notMapped(rbx);
    }
    int type = (int) (u64(secinfo, 0) >>> 8 & 0xff);
    if (ModelBuild.reserved(secinfo) || type != ModelPage.PT_TCS && type != ModelPage.PT_TRIM) {
      return gp();
    }
    if (model.exclusive(page) != null) {
      return zf(SgxError.SGX_EPC_PAGE_CONFLICT);
    }
    if (!page.valid) {
      return pf(rcx);
    }
    if (model.changeHeld(page)) {
      return zf(SgxError.SGX_EPC_PAGE_CONFLICT);
    }
    if (page.type != ModelPage.PT_REG && !(page.type == ModelPage.PT_TCS && type == ModelPage.PT_TRIM)) {
      return pf(rcx);
    }
    if (page.pending || page.modified) {
      return zf(SgxError.SGX_PAGE_NOT_MODIFIABLE);
    }
    if (!page.secs().initialised) {
      return gp();
    }
    page.shrink(model.now);
    page.pr = false;
    page.modified = true;
    page.permissions(0);
    page.type = type;
    if (page.thread == null && type == ModelPage.PT_TCS) {
      page.thread = new ModelThread(page);
    }
    page.stamp = page.secs().epoch;
    return ok();
  }

  LeafResult erdinfo(long rbx, long rcx) {
    if ((rbx & 31) != 0 || (rcx & PAGE - 1) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rcx);
    if (page == null) {
      return cf(SgxError.SGX_PG_NONEPC);
    }
    if (model.shared(page) != null) {
      return zf(SgxError.SGX_EPC_PAGE_CONFLICT);
    }
    if (!page.valid) {
      return cf(SgxError.SGX_PG_INVLD);
    }
    if (!model.memory.mapped(rbx, 32)) {
      return notMapped(rbx);
    }
    byte[] rdinfo = new byte[32];
    ModelMemory.U64.set(rdinfo, 8, page.flags() | (page.blocked ? Long.MIN_VALUE : 0));
    if (page.child() || page.type == ModelPage.PT_SECS) {
      ModelMemory.U64.set(rdinfo, 16, page.secs().context);
    }
    if (page.type == ModelPage.PT_SECS) {
      ModelSecs secs = page.secs();
      ModelMemory.U64.set(rdinfo, 0, (secs.children.isEmpty() ? 0L : 1) | (secs.virtualChildren == 0 ? 0 : 2));
    }
    model.memory.write(rbx, rdinfo);
    return ok();
  }

  LeafResult edbgrd(long rcx) {
    LeafResult refused = debuggable(rcx, true);
    if (refused != null) {
      return refused;
    }
    ModelPage page = model.require(rcx & -PAGE);
    long value = u64(page.content, (int) (rcx & PAGE - 1));
    if (page.type == ModelPage.PT_VA) {
      return ok((value & ~7L) != 0 ? -1 : 0);
    }
    if (page.type == ModelPage.PT_TCS && (rcx & PAGE - 1) >= TCS_LIMIT) {
      return gp();
    }
    if (page.thread != null && (rcx & PAGE - 1) == 0) {
      // TCS.STATE.
      value = page.thread.active ? 1 : 0;
    }
    return page.secs().debug() ? ok(value) : gp();
  }

  LeafResult edbgwr(long rbx, long rcx) {
    LeafResult refused = debuggable(rcx, false);
    if (refused != null) {
      return refused;
    }
    ModelPage page = model.require(rcx & -PAGE);
    if (page.type == ModelPage.PT_TCS && (rcx & PAGE - 1) != ModelThread.FLAGS) {
      return gp();
    }
    if (!page.secs().debug()) {
      return gp();
    }
    ModelMemory.U64.set(page.content, (int) (rcx & PAGE - 1), rbx);
    return ok(rbx);
  }

  private @Nullable LeafResult debuggable(long rcx, boolean read) {
    if ((rcx & 7) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rcx & -PAGE);
    if (page == null) {
      return pf(rcx);
    }
    if (model.shared(page) != null) {
      return gp();
    }
    boolean type = page.type == ModelPage.PT_REG || page.type == ModelPage.PT_TCS
        || read && page.type == ModelPage.PT_VA;
    if (!page.valid || !type) {
      return pf(rcx);
    }
    return page.pending || page.modified ? zf(SgxError.SGX_PAGE_NOT_DEBUGGABLE) : null;
  }

  LeafResult virtualChild(long rbx, long rcx, int by) {
    if ((rbx & PAGE - 1) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rbx);
    if (page == null) {
      return pf(rbx);
    }
    ModelPage parent = model.epc(rcx & -PAGE);
    if (parent == null) {
      return pf(rcx);
    }
    if (model.shared(page) != null) {
      return zf(SgxError.SGX_EPC_PAGE_CONFLICT);
    }
    if (!page.child() && !page.is(ModelPage.PT_SECS)) {
      return pf(rbx);
    }
    if (page.secs().page != parent || (rcx & PAGE - 1) != 0) {
      return gp();
    }
    ModelSecs secs = page.secs();
    if (secs.virtualChildren + by < 0) {
      return zf(SgxError.SGX_INVALID_COUNTER);
    }
    secs.virtualChildren += by;
    return ok();
  }

  LeafResult esetcontext(long rcx, long rdx) {
    if ((rcx & PAGE - 1) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rcx);
    if (page == null) {
      return pf(rcx);
    }
    if ((rdx & 7) != 0) {
      return gp();
    }
    byte[] context = model.memory.read(rdx, 8);
    if (context == null) {
      return notMapped(rdx);
    }
    if (model.shared(page) != null) {
      return zf(SgxError.SGX_EPC_PAGE_CONFLICT);
    }
    if (!page.is(ModelPage.PT_SECS)) {
      return pf(rcx);
    }
    page.secs().context = u64(context, 0);
    return ok();
  }
}
