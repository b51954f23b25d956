package org.enclavisor.conformance.model;

import static org.enclavisor.conformance.model.ModelAnswer.gp;
import static org.enclavisor.conformance.model.ModelAnswer.notMapped;
import static org.enclavisor.conformance.model.ModelAnswer.ok;
import static org.enclavisor.conformance.model.ModelAnswer.pf;
import static org.enclavisor.conformance.model.ModelAnswer.plain;
import static org.enclavisor.conformance.model.ModelAnswer.zf;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.MalformedStructureException;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.SignatureCheck;
import org.enclavisor.isa.Sigstruct;

/** ECREATE, EADD, EEXTEND, EINIT and EREMOVE. */
final class ModelBuild {
  private static final int PAGE = 4096;
  private static final int TCS_RESERVED = 72;
  private static final int GPR_BYTES = 184;
  private static final int EXINFO_BYTES = 16;
  private static final int MASKED_ATTRIBUTES_LE = 240;
  private static final long KNOWN_SECINFO = 0xff3f;

  private final Model model;

  ModelBuild(Model model) {
    this.model = model;
  }

  LeafResult ecreate(long rbx, long rcx) {
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
    long source = u64(pageinfo, 8);
    long secinfoAt = u64(pageinfo, 16);
    if ((source & PAGE - 1) != 0 || (secinfoAt & 63) != 0) {
      return gp();
    }
    if (u64(pageinfo, 0) != 0 || u64(pageinfo, 24) != 0) {
      return gp();
    }
    byte[] secinfo = model.memory.read(secinfoAt, 64);
    if (secinfo == null) {
      return notMapped(secinfoAt);
    }
    if (reserved(secinfo) || (u64(secinfo, 0) & 0xff00) != 0) {
      return gp();
    }
    LeafResult held = model.exclusive(page);
    if (held != null) {
      return held;
    }
    if (page.valid) {
      return pf(rcx);
    }
    byte[] bytes = model.memory.read(source, PAGE);
    if (bytes == null) {
      return notMapped(source);
    }
    if (!legal(bytes)) {
      return gp();
    }
    Secs in = Secs.read(MemorySegment.ofArray(bytes));
    Secs secs =
        new Secs(in.size(), in.baseAddr(), in.ssaFrameSize(), in.miscSelect(), 0, 0, in.attributes(), Digest32.ZERO,
            Digest32.ZERO, in.configId(), 0, 0, in.configSvn());
    page.set(ModelPage.PT_SECS, 0, 0, null);
    page.secs =
        new ModelSecs(page, model.nextEid++, secs, model.machine.xsaveBytes(secs.attributes().xfrm()),
            Measurement.ecreate(secs.ssaFrameSize(), secs.size()));
    model.elranges.put(secs.baseAddr(), page.secs);
    return plain();
  }

  private boolean legal(byte[] secs) {
    long size = u64(secs, 0);
    long base = u64(secs, 8);
    long frame = u32(secs, 16) & 0xffff_ffffL;
    int misc = u32(secs, 20);
    long flags = u64(secs, 48);
    long xfrm = u64(secs, 56);
    var features = model.machine.features();
    if ((xfrm & 3) != 3 || (xfrm & ~features.xfrm()) != 0 || (misc & ~features.miscselect()) != 0) {
      return false;
    }
    long needed = model.machine.xsaveBytes(xfrm) + GPR_BYTES + ((misc & 1) != 0 ? EXINFO_BYTES : 0);
    if (frame * PAGE < needed) {
      return false;
    }
    boolean mode64 = (flags & Attributes.MODE64BIT) != 0;
    if (mode64 ? base << 16 >> 16 != base : (base & 0xffff_ffff_0000_0000L) != 0) {
      return false;
    }
    int bits = mode64 ? features.sizeBits64() : 31;
    if (size < 2 * PAGE || Long.bitCount(size) != 1 || size >= 1L << bits || (base & size - 1) != 0) {
      return false;
    }
    if ((flags & ~features.attributes()) != 0 || Secs.hasReservedBits(MemorySegment.ofArray(secs))) {
      return false;
    }
    if ((flags & Attributes.CET) == 0 && (u64(secs, 24) != 0 || secs[32] != 0)) {
      return false;
    }
    boolean config = (u32(secs, 260) & 0xffff) != 0 || !zero(secs, 192, 64);
    return !config || (flags & Attributes.KSS) != 0;
  }

  LeafResult eadd(long rbx, long rcx) {
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
    long source = u64(pageinfo, 8);
    long secinfoAt = u64(pageinfo, 16);
    long secsAt = u64(pageinfo, 24);
    if (((linear | source | secsAt) & PAGE - 1) != 0 || (secinfoAt & 63) != 0) {
      return gp();
    }
    ModelPage secsPage = model.epc(secsAt);
    if (secsPage == null) {
      return pf(secsAt);
    }
    byte[] secinfo = model.memory.read(secinfoAt, 64);
    if (secinfo == null) {
      return notMapped(secinfoAt);
    }
    long flags = u64(secinfo, 0);
    int type = (int) (flags >>> 8 & 0xff);
    if (reserved(secinfo) || (flags & 0x38) != 0 || type != ModelPage.PT_REG && type != ModelPage.PT_TCS) {
      return gp();
    }
    LeafResult held = model.exclusive(page);
    if (held != null) {
      return held;
    }
    if (page.valid) {
      return pf(rcx);
    }
    held = model.shared(secsPage);
    if (held != null) {
      return held;
    }
    if (!secsPage.is(ModelPage.PT_SECS)) {
      return pf(secsAt);
    }
    ModelSecs secs = secsPage.secs();
    byte[] content = model.memory.read(source, PAGE);
    if (content == null) {
      return notMapped(source);
    }
    boolean tcs = type == ModelPage.PT_TCS;
    if (tcs ? !zero(content, TCS_RESERVED, PAGE - TCS_RESERVED) : (flags & 3) == 2) {
      return gp();
    }
    if (!secs.contains(linear)) {
      return gp();
    }
    if (model.measured(secsPage) || secs.initialised) {
      return gp();
    }
    if (tcs) {
      Arrays.fill(content, 0, 8, (byte) 0);
      ModelMemory.U64.set(content, ModelThread.FLAGS, u64(content, ModelThread.FLAGS) & ~1L);
      Arrays.fill(content, ModelThread.CSSA, ModelThread.CSSA + 4, (byte) 0);
      Arrays.fill(content, 40, 48, (byte) 0);
      flags &= ~7L;
    }
    if (secs.measurement != null) {
      secs.measurement.eadd(linear - secs.secs.baseAddr(), Secinfo.ofFlags(flags));
    }
    page.content = content;
    page.set(type, flags, linear, secs);
    return plain();
  }

  LeafResult eextend(long rbx, long rcx) {
    if ((rbx & PAGE - 1) != 0) {
      return gp();
    }
    ModelPage secsPage = model.epc(rbx);
    if (secsPage == null) {
      return pf(rbx);
    }
    if ((rcx & 255) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rcx & -PAGE);
    if (page == null) {
      return pf(rcx);
    }
    LeafResult held = model.shared(page);
    if (held != null) {
      return held;
    }
    if (!page.is(ModelPage.PT_REG) && !page.is(ModelPage.PT_TCS)) {
      return pf(rcx);
    }
    ModelSecs secs = page.secs();
    if (secs.page != secsPage || model.measured(secsPage) || secs.initialised) {
      return gp();
    }
    int offset = (int) (rcx & PAGE - 1);
    if (secs.measurement != null) {
      secs.measurement.eextend(
          page.linear - secs.secs.baseAddr() + offset, MemorySegment.ofArray(page.content).asSlice(offset, 256));
    }
    return plain();
  }

  LeafResult einit(long rbx, long rcx, long rdx) {
    if (((rbx | rcx) & PAGE - 1) != 0 || (rdx & 511) != 0) {
      return gp();
    }
    ModelPage page = model.epc(rcx);
    if (page == null) {
      return pf(rcx);
    }
    byte[] signature = model.memory.read(rbx, Sigstruct.BYTES);
    if (signature == null) {
      return notMapped(rbx);
    }
    byte[] token = model.memory.read(rdx, Einittoken.BYTES);
    if (token == null) {
      return notMapped(rdx);
    }
    Sigstruct sigstruct;
    try {
      sigstruct = Sigstruct.read(MemorySegment.ofArray(signature));
    } catch (MalformedStructureException e) {
      return zf(SgxError.SGX_INVALID_SIG_STRUCT);
    }
    if (sigstruct.body().cetAttributes() != 0 || sigstruct.body().cetAttributesMask() != 0) {
      return zf(SgxError.SGX_INVALID_SIG_STRUCT);
    }
    if (model.check(sigstruct, signature) instanceof SignatureCheck.Invalid invalid) {
      return zf(invalid.error());
    }
    LeafResult held = model.shared(page);
    if (held != null) {
      return held;
    }
    if (!page.is(ModelPage.PT_SECS)) {
      return pf(rcx);
    }
    ModelSecs secs = page.secs();
    if (!sigstruct.body().isvFamilyId().isZero() && !secs.has(Attributes.KSS)) {
      return zf(SgxError.SGX_INVALID_SIG_STRUCT);
    }
    if (model.measured(page) || secs.initialised || secs.measurement == null) {
      return gp();
    }
    Digest32 mrEnclave = secs.measurement.mrEnclave();
    if (!mrEnclave.equals(sigstruct.enclaveHash())) {
      return zf(SgxError.SGX_INVALID_MEASUREMENT);
    }
    Digest32 signer = sigstruct.mrSigner();
    boolean authorised = model.authorised(signer);
    if (secs.has(Attributes.EINITTOKENKEY) && !authorised) {
      return zf(SgxError.SGX_INVALID_ATTRIBUTE);
    }
    Attributes mask = sigstruct.attributeMask();
    if (!secs.secs.attributes().and(mask).equals(sigstruct.attributes().and(mask))) {
      return zf(SgxError.SGX_INVALID_ATTRIBUTE);
    }
    if (!secs.secs.miscSelect().and(sigstruct.miscMask()).equals(sigstruct.miscSelect().and(sigstruct.miscMask()))) {
      return zf(SgxError.SGX_INVALID_ATTRIBUTE);
    }
    if ((token[0] & 1) != 0) {
      return token(secs, token);
    }
    if (!authorised) {
      return zf(SgxError.SGX_INVALID_EINITTOKEN);
    }
    secs.secs = secs.secs.initialized(mrEnclave, signer, sigstruct.isvProdId(), sigstruct.isvSvn());
    secs.familyId = sigstruct.body().isvFamilyId();
    secs.extProdId = sigstruct.body().isvExtProdId();
    secs.initialised = true;
    return ok();
  }

  /** A token that says it is valid. No launch enclave's key is known here, so none is. */
  private static LeafResult token(ModelSecs secs, byte[] bytes) {
    boolean debugLauncher = (bytes[MASKED_ATTRIBUTES_LE] & 2) != 0;
    if (debugLauncher && !secs.debug()) {
      return zf(SgxError.SGX_INVALID_EINITTOKEN);
    }
    try {
      Einittoken token = Einittoken.read(MemorySegment.ofArray(bytes));
      boolean late = token.cetMaskedAttributesLe() == 0 && !zero(token.cpuSvnLe().bytes(), 0, 16);
      return zf(late ? SgxError.SGX_INVALID_CPUSVN : SgxError.SGX_INVALID_EINITTOKEN);
    } catch (MalformedStructureException e) {
      return zf(SgxError.SGX_INVALID_EINITTOKEN);
    }
  }

  LeafResult eremove(long rcx) {
    if ((rcx & PAGE - 1) != 0) {
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
    if (!page.valid) {
      return ok();
    }
    if (page.type == ModelPage.PT_VA || page.type == ModelPage.PT_TRIM && !page.modified) {
      page.invalidate();
      return ok();
    }
    ModelSecs secs = page.secs();
    if (page.type == ModelPage.PT_SECS) {
      if (!secs.children.isEmpty()) {
        return zf(SgxError.SGX_CHILD_PRESENT);
      }
      model.elranges.remove(secs.secs.baseAddr(), secs);
      page.invalidate();
      return ok();
    }
    if (secs.active()) {
      return zf(SgxError.SGX_ENCLAVE_ACT);
    }
    page.invalidate();
    return ok();
  }

  static boolean reserved(byte[] secinfo) {
    long flags = u64(secinfo, 0);
    return (flags & ~KNOWN_SECINFO) != 0 || (flags >>> 8 & 0xff) > 6 || !zero(secinfo, 8, 56);
  }

  static boolean zero(byte[] bytes, int from, int length) {
    for (int i = from; i < from + length; i++) {
      if (bytes[i] != 0) {
        return false;
      }
    }
    return true;
  }

  static long u64(byte[] bytes, int offset) {
    return (long) ModelMemory.U64.get(bytes, offset);
  }

  static int u32(byte[] bytes, int offset) {
    return (int) ModelMemory.U32.get(bytes, offset);
  }
}
