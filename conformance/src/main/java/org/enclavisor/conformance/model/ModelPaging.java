package org.enclavisor.conformance.model;

import static org.enclavisor.conformance.model.ModelAnswer.cf;
import static org.enclavisor.conformance.model.ModelAnswer.gp;
import static org.enclavisor.conformance.model.ModelAnswer.notMapped;
import static org.enclavisor.conformance.model.ModelAnswer.ok;
import static org.enclavisor.conformance.model.ModelAnswer.pf;
import static org.enclavisor.conformance.model.ModelAnswer.plain;
import static org.enclavisor.conformance.model.ModelAnswer.zf;
import static org.enclavisor.conformance.model.ModelBuild.u64;

import java.util.HashMap;
import java.util.Map;
import java.util.zip.CRC32C;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.isa.SgxError;
import org.jspecify.annotations.Nullable;

/**
 * EPA, EBLOCK, ETRACK, EWB and ELDx. An evicted page is stored under a toy cipher with a checksum for a MAC: the model
 * has nobody to hide it from. Versions count from 1.
 */
final class ModelPaging {
  private static final int PAGE = 4096;
  private static final int PCMD_BYTES = 128;
  private static final int MAC = 112;

  private final Model model;
  private long nextVersion = 1;
  // What an evicted page was that its bytes do not say, by version.
  private final Map<Long, Evicted> evicted = new HashMap<>();

  /** State of a SECS or a thread, which the model does not keep in the page's bytes. */
  private record Evicted(@Nullable ModelSecs secs, @Nullable ModelThread thread, boolean opaque) {}

  ModelPaging(Model model) {
    this.model = model;
  }

  LeafResult epa(long rbx, long rcx) {
    if (rbx != ModelPage.PT_VA || (rcx & PAGE - 1) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rcx);
    if (page == null) {
      return pf(rcx);
    }
    LeafResult held = model.exclusive(page);
    if (held != null) {
      return held;
    }
    if (page.valid) {
      return pf(rcx);
    }
    page.content = new byte[PAGE];
    page.set(ModelPage.PT_VA, 0, 0, null);
    return plain();
  }

  LeafResult eblock(long rcx) {
    if ((rcx & PAGE - 1) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rcx);
    if (page == null) {
      return pf(rcx);
    }
    if (model.shared(page) != null) {
      return zf(SgxError.SGX_EPC_PAGE_CONFLICT);
    }
    if (!page.valid) {
      return zf(SgxError.SGX_PG_INVLD);
    }
    if (!page.child()) {
      return cf(page.type == ModelPage.PT_SECS ? SgxError.SGX_PG_IS_SECS : SgxError.SGX_NOTBLOCKABLE);
    }
    if (model.trackHeld(page.secs().page)) {
      return zf(SgxError.SGX_ENTRYEPOCH_LOCKED);
    }
    if (page.blocked) {
      return cf(SgxError.SGX_BLKSTATE);
    }
    page.shrink(model.now);
    page.blocked = true;
    page.stamp = page.secs().epoch;
    return ok();
  }

  LeafResult etrack(long rcx) {
    if ((rcx & PAGE - 1) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rcx);
    if (page == null) {
      return pf(rcx);
    }
    if (model.shared(page) != null || model.trackHeld(page)) {
      return gp();
    }
    if (!page.is(ModelPage.PT_SECS)) {
      return pf(rcx);
    }
    return track(page.secs());
  }

  private static LeafResult track(ModelSecs secs) {
    if (secs.tracking()) {
      return zf(SgxError.SGX_PREV_TRK_INCMPL);
    }
    secs.epoch++;
    return ok();
  }

  LeafResult etrackc(long rcx) {
    if ((rcx & PAGE - 1) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rcx);
    if (page == null) {
      return pf(rcx);
    }
    if (model.shared(page) != null) {
      return zf(SgxError.SGX_EPC_PAGE_CONFLICT);
    }
    if (!page.valid) {
      return zf(SgxError.SGX_PG_INVLD);
    }
    if (!page.child() && page.type != ModelPage.PT_SECS) {
      return cf(SgxError.SGX_TRACK_NOT_REQUIRED);
    }
    if (model.trackHeld(page.secs().page)) {
      return zf(SgxError.SGX_EPC_PAGE_CONFLICT);
    }
    return track(page.secs());
  }

  LeafResult ewb(long rbx, long rcx, long rdx) {
    if ((rbx & 31) != 0 || (rcx & PAGE - 1) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rcx);
    if (page == null) {
      return pf(rcx);
    }
    if ((rdx & 7) != 0) {
      return gp();
    }
    ModelPage va = model.epc(rdx & -PAGE);
    if (va == null) {
      return pf(rdx);
    }
    if (va == page) {
      return gp();
    }
    byte[] pageinfo = model.memory.read(rbx, 32);
    if (pageinfo == null) {
      return notMapped(rbx);
    }
    long target = u64(pageinfo, 8);
    long pcmdAt = u64(pageinfo, 16);
    if (u64(pageinfo, 0) != 0 || u64(pageinfo, 24) != 0) {
      return gp();
    }
    if ((pcmdAt & PCMD_BYTES - 1) != 0 || (target & PAGE - 1) != 0) {
      return gp();
    }
    if (model.exclusive(page) != null || model.shared(va) != null) {
      return gp();
    }
    if (!page.valid) {
      return pf(rcx);
    }
    if (!va.is(ModelPage.PT_VA)) {
      return pf(rdx);
    }
    long eid = 0;
    if (page.child()) {
      if (!page.blocked) {
        return zf(SgxError.SGX_PAGE_NOT_BLOCKED);
      }
      if (!page.secs().tracked(page)) {
        return zf(SgxError.SGX_NOT_TRACKED);
      }
      eid = page.secs().eid;
    } else if (page.type == ModelPage.PT_SECS) {
      if (!page.secs().children.isEmpty()) {
        return zf(SgxError.SGX_CHILD_PRESENT);
      }
    }
    if (!model.memory.mapped(pcmdAt, PCMD_BYTES)) {
      return notMapped(pcmdAt);
    }
    if (!model.memory.mapped(target, PAGE)) {
      return notMapped(target);
    }
    return evict(page, va, (int) (rdx & PAGE - 1), rbx, target, pcmdAt, eid);
  }

  private LeafResult evict(ModelPage page, ModelPage va, int slot, long rbx, long target, long pcmdAt, long eid) {
    boolean secs = page.type == ModelPage.PT_SECS;
    long version = nextVersion++ << 3;
    byte[] pcmd = new byte[PCMD_BYTES];
    ModelMemory.U64.set(pcmd, 0, page.flags());
    ModelMemory.U64.set(pcmd, 64, secs ? page.secs().eid : eid);
    ModelMemory.U64.set(pcmd, MAC, mac(page.content, page.flags(), page.linear, eid, version));
    model.memory.write(target, masked(page.content, version));
    model.memory.write(pcmdAt, pcmd);
    byte[] linear = new byte[8];
    ModelMemory.U64.set(linear, 0, page.linear);
    model.memory.write(rbx, linear);
    boolean occupied = u64(va.content, slot) != 0;
    ModelMemory.U64.set(va.content, slot, version);
    evicted.put(version, new Evicted(secs ? page.secs : null, page.thread, page.opaque));
    if (secs) {
      model.elranges.remove(page.secs().secs.baseAddr(), page.secs());
    }
    page.invalidate();
    return occupied ? cf(SgxError.SGX_VA_SLOT_OCCUPIED) : ok();
  }

  /** The bytes under a stream of bits that depends on the version alone; twice is once too many. */
  private static byte[] masked(byte[] content, long version) {
    byte[] result = new byte[PAGE];
    long state = version;
    for (int at = 0; at < PAGE; at += 8) {
      state += 0x9e3779b97f4a7c15L;
      long bits = (state ^ state >>> 30) * 0xbf58476d1ce4e5b9L;
      ModelMemory.U64.set(result, at, u64(content, at) ^ bits ^ bits >>> 31);
    }
    return result;
  }

  private static long mac(byte[] content, long flags, long linear, long eid, long version) {
    var crc = new CRC32C();
    crc.update(content);
    byte[] header = new byte[32];
    ModelMemory.U64.set(header, 0, flags);
    ModelMemory.U64.set(header, 8, linear);
    ModelMemory.U64.set(header, 16, eid);
    ModelMemory.U64.set(header, 24, version);
    long first = crc.getValue();
    crc.update(header);
    return first << 32 | crc.getValue();
  }

  /** ELDB, ELDU, and with {@code conflict} ELDBC and ELDUC. */
  LeafResult eld(long rbx, long rcx, long rdx, boolean block, boolean conflict) {
    if ((rbx & 31) != 0 || (rcx & PAGE - 1) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rcx);
    if (page == null) {
      return pf(rcx);
    }
    if ((rdx & 7) != 0) {
      return gp();
    }
    ModelPage va = model.epc(rdx & -PAGE);
    if (va == null) {
      return pf(rdx);
    }
    byte[] pageinfo = model.memory.read(rbx, 32);
    if (pageinfo == null) {
      return notMapped(rbx);
    }
    long linear = u64(pageinfo, 0);
    long source = u64(pageinfo, 8);
    long pcmdAt = u64(pageinfo, 16);
    long secsAt = u64(pageinfo, 24);
    if ((pcmdAt & PCMD_BYTES - 1) != 0 || (source & PAGE - 1) != 0) {
      return gp();
    }
    if (model.exclusive(page) != null || model.shared(va) != null) {
      return conflict ? zf(SgxError.SGX_EPC_PAGE_CONFLICT) : gp();
    }
    if (page.valid) {
      return pf(rcx);
    }
    if (!va.is(ModelPage.PT_VA)) {
      return pf(rdx);
    }
    byte[] pcmd = model.memory.read(pcmdAt, PCMD_BYTES);
    if (pcmd == null) {
      return notMapped(pcmdAt);
    }
    long flags = u64(pcmd, 0);
    int type = (int) (flags >>> 8 & 0xff);
    ModelSecs secs = null;
    if (type == ModelPage.PT_REG || type == ModelPage.PT_TCS || type == ModelPage.PT_TRIM) {
      if ((secsAt & PAGE - 1) != 0) {
        return gp();
      }
      ModelPage secsPage = model.epc(secsAt);
      if (secsPage == null) {
        return pf(secsAt);
      }
      if (model.shared(secsPage) != null) {
        return conflict ? zf(SgxError.SGX_EPC_PAGE_CONFLICT) : gp();
      }
      if (!secsPage.is(ModelPage.PT_SECS)) {
        return pf(secsAt);
      }
      secs = secsPage.secs();
    }
    byte[] content = model.memory.read(source, PAGE);
    if (content == null) {
      return notMapped(source);
    }
    content = masked(content, u64(va.content, (int) (rdx & PAGE - 1)));
    return load(page, va, (int) (rdx & PAGE - 1), content, pcmd, linear, secs, block);
  }

  private LeafResult load(
      ModelPage page, ModelPage va, int slot, byte[] content, byte[] pcmd, long linear, @Nullable ModelSecs secs,
      boolean block) {
    long flags = u64(pcmd, 0);
    long version = u64(va.content, slot);
    long eid = secs == null ? 0 : secs.eid;
    Evicted was = evicted.get(version);
    boolean clean = ModelBuild.zero(pcmd, 8, 56) && ModelBuild.zero(pcmd, 72, 40) && ModelBuild.zero(pcmd, 120, 8);
    if (was == null || !clean || u64(pcmd, MAC) != mac(content, flags, linear, eid, version)) {
      return zf(SgxError.SGX_MAC_COMPARE_FAIL);
    }
    ModelMemory.U64.set(va.content, slot, 0L);
    evicted.remove(version);
    int type = (int) (flags >>> 8 & 0xff);
    page.content = content;
    page.set(type, flags, linear, secs);
    page.opaque = was.opaque;
    if (type == ModelPage.PT_SECS && was.secs != null) {
      page.secs = was.secs.moved(page);
      model.elranges.put(page.secs.secs.baseAddr(), page.secs);
    }
    if (was.thread != null && page.thread != null) {
      page.thread.frames.addAll(was.thread.frames);
    }
    page.blocked = block && page.child();
    return ok();
  }
}
