package org.enclavisor.conformance.model;

import static org.enclavisor.conformance.model.ModelAnswer.gp;
import static org.enclavisor.conformance.model.ModelAnswer.ok;
import static org.enclavisor.conformance.model.ModelAnswer.pf;
import static org.enclavisor.conformance.model.ModelAnswer.zf;
import static org.enclavisor.conformance.model.ModelBuild.u64;

import java.util.Arrays;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.SgxError;
import org.jspecify.annotations.Nullable;

/** The leaves that enclave code executes. Null: the leaf is EEXIT and there is nothing against it. */
final class ModelUser {
  private static final int PAGE = 4096;

  private final Model model;

  ModelUser(Model model) {
    this.model = model;
  }

  @Nullable LeafResult execute(ModelThread thread, long rax, long rbx, long rcx, long rdx) {
    ModelSecs secs = thread.page.secs();
    Features features = model.machine.features();
    int leaf = (int) rax;
    boolean dynamic = features.has(Features.SGX2);
    return switch (leaf) {
      case 0 -> ereport(secs, rax, rbx, rcx, rdx);
      case 1 -> egetkey(secs, rbx, rcx);
      case 4 -> rbx << 16 >> 16 == rbx ? null : gp();
      case 5 -> dynamic ? eaccept(secs, rbx, rcx) : gp();
      case 6 -> dynamic ? emodpe(secs, rax, rbx, rcx) : gp();
      case 7 -> dynamic ? eacceptcopy(secs, rbx, rcx, rdx) : gp();
      case 9 -> features.has(Features.EDECCSSA) ? edeccssa(thread, rax) : gp();
      default -> gp();
    };
  }

  /** Success of a leaf that changes neither RAX nor flags: the probe had set all flags. */
  private static LeafResult untouched(long rax) {
    return new LeafResult.Done(rax, 0, LeafResult.STATUS);
  }

  private static @Nullable ModelPage at(ModelSecs secs, long linear) {
    return secs.children.get(linear & -PAGE);
  }

  private @Nullable LeafResult operand(ModelSecs secs, long address, int alignment, boolean write) {
    if ((address & alignment - 1) != 0 || !secs.contains(address)) {
      return gp();
    }
    ModelPage page = at(secs, address);
    return page == null || (page.access() & (write ? 2 : 1)) == 0 ? pf(address) : null;
  }

  private LeafResult ereport(ModelSecs secs, long rax, long rbx, long rcx, long rdx) {
    LeafResult refused = operand(secs, rbx, 512, false);
    refused = refused != null ? refused : operand(secs, rcx, 128, false);
    refused = refused != null ? refused : operand(secs, rdx, 512, true);
    if (refused != null) {
      return refused;
    }
    page(secs, rdx).opaque = true;
    return untouched(rax);
  }

  private static ModelPage page(ModelSecs secs, long linear) {
    ModelPage page = at(secs, linear);
    if (page == null) {
      throw new IllegalStateException("checked before");
    }
    return page;
  }

  private LeafResult egetkey(ModelSecs secs, long rbx, long rcx) {
    LeafResult refused = operand(secs, rbx, 512, false);
    refused = refused != null ? refused : operand(secs, rcx, 16, true);
    if (refused != null) {
      return refused;
    }
    byte[] request = page(secs, rbx).content;
    int at = (int) (rbx & PAGE - 1);
    int policy = u16(request, at + 2);
    boolean kss = secs.has(Attributes.KSS);
    // CET_ATTRIBUTES_MASK is reserved without CET.
    if (request[at + 6] != 0 || request[at + 7] != 0 || !ModelBuild.zero(request, at + 78, 434)
        || (policy & ~0x3f) != 0) {
      return gp();
    }
    int configSvn = u16(request, at + 76);
    if (!kss && ((policy & 0x3c) != 0 || configSvn != 0)) {
      return gp();
    }
    SgxError error = key(secs, u16(request, at), request, at, configSvn);
    if (error != SgxError.SGX_SUCCESS) {
      return zf(error);
    }
    page(secs, rcx).opaque = true;
    return ok();
  }

  private SgxError key(ModelSecs secs, int name, byte[] request, int at, int configSvn) {
    long needed = switch (name) {
      case 0 -> Attributes.EINITTOKENKEY;
      case 1, 2 -> Attributes.PROVISIONKEY;
      default -> 0;
    };
    if (name > 4) {
      return SgxError.SGX_INVALID_KEYNAME;
    }
    if (!secs.has(needed)) {
      return SgxError.SGX_INVALID_ATTRIBUTE;
    }
    if (name == 3) {
      return SgxError.SGX_SUCCESS;
    }
    if (!ModelBuild.zero(request, at + 8, 16)) {
      return SgxError.SGX_INVALID_CPUSVN;
    }
    boolean late = u16(request, at + 4) > secs.secs.isvSvn() || name == 4 && configSvn > secs.secs.configSvn();
    return late ? SgxError.SGX_INVALID_ISVSVN : SgxError.SGX_SUCCESS;
  }

  private static int u16(byte[] bytes, int offset) {
    return bytes[offset] & 0xff | (bytes[offset + 1] & 0xff) << 8;
  }

  private static byte @Nullable [] secinfo(ModelSecs secs, long rbx) {
    ModelPage page = at(secs, rbx);
    if (page == null || (page.access() & 1) == 0) {
      return null;
    }
    int at = (int) (rbx & PAGE - 1);
    return Arrays.copyOfRange(page.content, at, at + 64);
  }

  private LeafResult eaccept(ModelSecs secs, long rbx, long rcx) {
    if ((rbx & 63) != 0 || !secs.contains(rbx)) {
      return gp();
    }
    byte[] secinfo = secinfo(secs, rbx);
    if (secinfo == null) {
      return pf(rbx);
    }
    if (ModelBuild.reserved(secinfo) || (rcx & PAGE - 1) != 0 || !secs.contains(rcx)) {
      return gp();
    }
    ModelPage page = at(secs, rcx);
    if (page == null && !model.resolves()) {
      return pf(rcx);
    }
    long flags = u64(secinfo, 0);
    int type = (int) (flags >>> 8 & 0xff);
    boolean modified = (flags & 16) != 0;
    boolean regular = type == ModelPage.PT_REG && (flags & (32 | 8)) != 0 && !modified;
    boolean changed =
        (type == ModelPage.PT_TCS || type == ModelPage.PT_TRIM) && (flags & (32 | 8)) == 0 && modified;
    if (!regular && !changed) {
      return gp();
    }
    if (page == null || page.blocked || !page.child()) {
      return pf(rcx);
    }
    if (model.shared(page) != null || model.changeHeld(page)) {
      return gp();
    }
    long compared = 7 | 8 | 16 | 0xff00;
    if ((page.flags() & compared) != (flags & compared)) {
      return zf(SgxError.SGX_PAGE_ATTRIBUTES_MISMATCH);
    }
    if (!secs.tracked(page)) {
      return zf(SgxError.SGX_NOT_TRACKED);
    }
    if (type == ModelPage.PT_TCS && !legalTcs(page)) {
      return gp();
    }
    page.pending = false;
    page.modified = false;
    page.pr = false;
    page.stamp = ModelPage.NO_STAMP;
    return ok();
  }

  private static boolean legalTcs(ModelPage page) {
    byte[] tcs = page.content;
    return ModelBuild.zero(tcs, 72, PAGE - 72)
        && (u64(tcs, ModelThread.FLAGS) & 1) == 0
        && Integer.compareUnsigned(ModelBuild.u32(tcs, 24), ModelBuild.u32(tcs, 28)) < 0
        && u64(tcs, 40) == 0
        && u64(tcs, 0) == 0;
  }

  private LeafResult emodpe(ModelSecs secs, long rax, long rbx, long rcx) {
    if ((rbx & 63) != 0 || (rcx & PAGE - 1) != 0 || !secs.contains(rbx) || !secs.contains(rcx)) {
      return gp();
    }
    ModelPage page = at(secs, rcx);
    if (at(secs, rbx) == null) {
      return pf(rbx);
    }
    if (page == null && !model.resolves()) {
      return pf(rcx);
    }
    byte[] secinfo = secinfo(secs, rbx);
    if (secinfo == null) {
      return pf(rbx);
    }
    if (ModelBuild.reserved(secinfo)) {
      return gp();
    }
    if (page == null || page.type != ModelPage.PT_REG || page.pending || page.modified || page.blocked) {
      return pf(rcx);
    }
    if (model.changeHeld(page)) {
      return gp();
    }
    long flags = u64(secinfo, 0);
    if (!page.r && (flags & 3) == 2) {
      return gp();
    }
    page.permissions(page.flags() | flags);
    return untouched(rax);
  }

  private LeafResult eacceptcopy(ModelSecs secs, long rbx, long rcx, long rdx) {
    if ((rbx & 63) != 0 || ((rcx | rdx) & PAGE - 1) != 0) {
      return gp();
    }
    if (!secs.contains(rbx) || !secs.contains(rcx) || !secs.contains(rdx)) {
      return gp();
    }
    // A destination that is not there is a page fault in any case: it may be about to be added.
    for (long operand : new long[] {rbx, rcx, rdx}) {
      if (at(secs, operand) == null && (operand == rcx || !model.resolves())) {
        return pf(operand);
      }
    }
    byte[] secinfo = secinfo(secs, rbx);
    if (secinfo == null) {
      return pf(rbx);
    }
    long flags = u64(secinfo, 0);
    if (ModelBuild.reserved(secinfo) || (flags & 3) == 2 || (flags & 0xff00) != ModelPage.PT_REG << 8) {
      return gp();
    }
    ModelPage source = at(secs, rdx);
    if (source == null || (source.access() & 1) == 0) {
      return pf(rdx);
    }
    ModelPage page = at(secs, rcx);
    if (page == null || !page.pending || page.modified || page.blocked || page.type != ModelPage.PT_REG) {
      return zf(SgxError.SGX_PAGE_ATTRIBUTES_MISMATCH);
    }
    if (model.changeHeld(page)) {
      return gp();
    }
    if (!page.r || !page.w || page.x) {
      return zf(SgxError.SGX_PAGE_ATTRIBUTES_MISMATCH);
    }
    page.content = source.content.clone();
    page.opaque = source.opaque;
    page.permissions(flags);
    page.pending = false;
    return ok();
  }

  private LeafResult edeccssa(ModelThread thread, long rax) {
    int cssa = thread.cssa();
    if (cssa == 0) {
      return gp();
    }
    LeafResult refused = model.frame(thread, cssa - 1);
    if (refused != null) {
      return refused;
    }
    thread.cssa(cssa - 1);
    return untouched(rax);
  }
}
