package org.enclavisor.monitor.leaf;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.ExInfo;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SsaFrame;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;

/** ENCLS[ECREATE]: begins an enclave (SDM 3D, “ECREATE—Create an SECS Page in the Enclave Page Cache”). */
public final class Ecreate {
  private static final long SIZE = offset("size");
  private static final long BASEADDR = offset("baseAddr");
  private static final long SSAFRAMESIZE = offset("ssaFrameSize");
  private static final long MISCSELECT = offset("miscSelect");
  private static final long ATTRIBUTES = offset("attributes");
  private static final long CET_LEG_BITMAP_OFFSET = offset("cetLegBitmapOffset");
  private static final long CET_ATTRIBUTES = offset("cetAttributes");
  private static final int PAGE = 4096;
  private static final int MIN_SIZE = 2 * PAGE;

  private Ecreate() {}

  private static long offset(String member) {
    return Secs.LAYOUT.byteOffset(groupElement(member));
  }

  /**
   * @param rbx address of a PAGEINFO
   * @param rcx address of the destination, an empty EPC page
   * @param nextEid CR_NEXT_EID
   */
  public static Outcome execute(Cpu cpu, Epc epc, Operands operands, long rbx, long rcx, AtomicLong nextEid) {
    Outcome.Fault operand = Operands.checkPageinfoAndPage(rbx, rcx);
    if (operand != null) {
      return operand;
    }
    EpcPage target = epc.resolve(rcx);
    if (target == null) {
      return Operands.outside(rcx);
    }
    MemorySegment pageinfoBytes = operands.copy(rbx, Pageinfo.BYTES);
    if (pageinfoBytes == null) {
      return Operands.notMapped(rbx, "PAGEINFO");
    }
    Pageinfo pageinfo = Pageinfo.read(pageinfoBytes);
    if ((pageinfo.srcPge() & (PAGE - 1)) != 0) {
      return Outcome.gp("PAGEINFO.SRCPGE=0x%x is not aligned to 4096 bytes".formatted(pageinfo.srcPge()));
    }
    if ((pageinfo.secinfo() & (Secinfo.ALIGNMENT - 1)) != 0) {
      return Outcome.gp("PAGEINFO.SECINFO=0x%x is not aligned to 64 bytes".formatted(pageinfo.secinfo()));
    }
    if (pageinfo.linAddr() != 0 || pageinfo.secs() != 0) {
      return Outcome.gp(
          "PAGEINFO.LINADDR=0x%x SECS=0x%x: expected 0".formatted(pageinfo.linAddr(), pageinfo.secs()));
    }
    MemorySegment secinfo = operands.copy(pageinfo.secinfo(), Secinfo.BYTES);
    if (secinfo == null) {
      return Operands.notMapped(pageinfo.secinfo(), "SECINFO");
    }
    if (Secinfo.hasReservedBits(secinfo)) {
      return Outcome.gp("SECINFO has reserved bits set");
    }
    if (Secinfo.read(secinfo).type() != PageType.SECS) {
      return Outcome.gp("SECINFO.FLAGS.PT=" + Secinfo.read(secinfo).type() + ": expected PT_SECS");
    }
    if (!target.tryExclusive()) {
      return Operands.busy(rcx);
    }
    try {
      if (EpcmEntry.valid(target.bits())) {
        return Operands.epc(rcx, "EPC page 0x%x is valid already".formatted(rcx));
      }
      return target instanceof LooseFrame frame
          ? create(cpu, operands, pageinfo, frame, nextEid)
          : Outcome.gp("EPC page 0x%x is not available: it is one of an ELRANGE".formatted(rcx));
    } finally {
      target.releaseExclusive();
    }
  }

  private static Outcome create(Cpu cpu, Operands operands, Pageinfo pageinfo, LooseFrame destination, AtomicLong nextEid) {
    MemorySegment secs = operands.copy(pageinfo.srcPge(), Secs.BYTES);
    if (secs == null) {
      return Operands.notMapped(pageinfo.srcPge(), "SECS");
    }
    Outcome checked = check(cpu, secs);
    if (!checked.ok()) {
      return checked;
    }
    Secs source = Secs.read(secs);
    Secs uninitialised =
        new Secs(
            source.size(),
            source.baseAddr(),
            source.ssaFrameSize(),
            source.miscSelect(),
            0,
            0,
            source.attributes(),
            Digest32.ZERO,
            Digest32.ZERO,
            source.configId(),
            0,
            0,
            source.configSvn());
    int xsaveBytes = cpu.xsave().bytes(source.attributes().xfrm());
    destination.put(new SecsPage(nextEid.getAndIncrement(), uninitialised, xsaveBytes));
    return Outcome.success();
  }

  /**
   * What ECREATE asks of the source SECS, in its order.
   *
   * @param secs 4096 bytes that nobody else can change
   */
  public static Outcome check(Cpu cpu, MemorySegment secs) {
    Attributes attributes = Attributes.read(secs.asSlice(ATTRIBUTES, Attributes.BYTES));
    long xfrm = attributes.xfrm();
    if ((xfrm & Attributes.XFRM_LEGACY) != Attributes.XFRM_LEGACY) {
      return Outcome.gp("SECS.ATTRIBUTES.XFRM=0x%x: expected bits 0 and 1 set".formatted(xfrm));
    }
    if (!cpu.xsave().legal(xfrm)) {
      return Outcome.gp(
          "SECS.ATTRIBUTES.XFRM=0x%x: not a legal subset of XCR0=0x%x".formatted(xfrm, cpu.xsave().xcr0()));
    }
    MiscSelect miscSelect = new MiscSelect(secs.get(JAVA_INT_UNALIGNED, MISCSELECT));
    if ((miscSelect.bits() & ~cpu.miscselect().bits()) != 0) {
      return Outcome.gp("SECS.MISCSELECT=%s: expected a subset of %s".formatted(miscSelect, cpu.miscselect()));
    }
    long frame = Integer.toUnsignedLong(secs.get(JAVA_INT_UNALIGNED, SSAFRAMESIZE));
    long needed = (long) cpu.xsave().bytes(xfrm) + GprSgx.BYTES + (
        miscSelect.has(MiscSelect.EXINFO) ? ExInfo.BYTES : 0);
    if (frame * PAGE < needed) {
      return Outcome.gp("SECS.SSAFRAMESIZE=%d pages: expected room for %d bytes".formatted(frame, needed));
    }
    if (frame > SsaFrame.MAX_PAGES) {
      // Stricter than the manual, which knows no bound; no XSAVE area comes near it.
      return Outcome.gp("SECS.SSAFRAMESIZE=%d pages: expected at most %d".formatted(frame, SsaFrame.MAX_PAGES));
    }
    boolean mode64 = attributes.has(Attributes.MODE64BIT);
    long base = secs.get(JAVA_LONG_UNALIGNED, BASEADDR);
    if (mode64 && !Cpu.canonical(base)) {
      return Outcome.gp("SECS.BASEADDR=0x%x is not canonical".formatted(base));
    }
    if (!mode64) {
      // The manual goes on with the limits of 32-bit enclaves; CPUID.12H.0:EDX[7:0] = 0 says that there are none.
      return Outcome.gp("SECS.ATTRIBUTES=%s: expected MODE64BIT, there are no 32-bit enclaves".formatted(attributes));
    }
    long size = secs.get(JAVA_LONG_UNALIGNED, SIZE);
    if (Long.compareUnsigned(size, 1L << cpu.maxEnclaveBits()) >= 0) {
      return Outcome.gp("SECS.SIZE=0x%x: expected less than 2^%d".formatted(size, cpu.maxEnclaveBits()));
    }
    if (size < MIN_SIZE || Long.bitCount(size) != 1) {
      return Outcome.gp("SECS.SIZE=0x%x: expected a power of two of at least 8192".formatted(size));
    }
    if ((base & (size - 1)) != 0) {
      return Outcome.gp("SECS.BASEADDR=0x%x: expected a multiple of SIZE=0x%x".formatted(base, size));
    }
    if ((attributes.flags() & ~cpu.attributes()) != 0) {
      return Outcome.gp(
          "SECS.ATTRIBUTES=0x%x: expected a subset of 0x%x".formatted(attributes.flags(), cpu.attributes()));
    }
    if (Secs.hasReservedBits(secs)) {
      return Outcome.gp("SECS has reserved bits set");
    }
    if (secs.get(JAVA_LONG_UNALIGNED, CET_LEG_BITMAP_OFFSET) != 0 || secs.get(JAVA_BYTE, CET_ATTRIBUTES) != 0) {
      return Outcome.gp("SECS has CET fields set, which are reserved on a processor without CET");
    }
    Secs whole = Secs.read(secs);
    if ((!whole.configId().isZero() || whole.configSvn() != 0) && !attributes.has(Attributes.KSS)) {
      return Outcome.gp("SECS.CONFIGID or CONFIGSVN is set, but not ATTRIBUTES.KSS");
    }
    return Outcome.success();
  }
}
