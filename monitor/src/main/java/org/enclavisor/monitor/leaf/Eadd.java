package org.enclavisor.monitor.leaf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.jspecify.annotations.Nullable;

/**
 * ENCLS[EADD]: adds a page to an enclave that is being built (SDM 3D, “EADD—Add a Page to an Uninitialized Enclave”).
 *
 * <p>The parts from {@link #checkSecinfo} on are also what a loader of many pages calls, once a run.
 */
public final class Eadd {
  /** Bytes of a page. */
  public static final int PAGE = 4096;

  // Without CET the fields from OCETSSA on are reserved, as they were before the manual named them.
  static final int TCS_RESERVED = 72;
  private static final MemorySegment ZERO = MemorySegment.ofArray(new byte[PAGE]).asReadOnly();

  private Eadd() {}

  /**
   * @param rbx address of a PAGEINFO
   * @param rcx address of the destination, an empty EPC page
   */
  public static Outcome execute(Epc epc, Operands operands, long rbx, long rcx) {
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
    Outcome.Fault misaligned = checkAlignment(pageinfo);
    if (misaligned != null) {
      return misaligned;
    }
    EpcPage secsPage = epc.resolve(pageinfo.secs());
    if (secsPage == null) {
      return Operands.epc(pageinfo.secs(), "PAGEINFO.SECS=0x%x is not in the EPC".formatted(pageinfo.secs()));
    }
    MemorySegment secinfoBytes = operands.copy(pageinfo.secinfo(), Secinfo.BYTES);
    if (secinfoBytes == null) {
      return Operands.notMapped(pageinfo.secinfo(), "SECINFO");
    }
    if (Secinfo.hasReservedBits(secinfoBytes)) {
      return Outcome.gp("SECINFO has reserved bits set");
    }
    Secinfo secinfo = Secinfo.read(secinfoBytes);
    Outcome.Fault type = checkSecinfo(secinfo);
    if (type != null) {
      return type;
    }
    if (!target.tryExclusive()) {
      return Operands.busy(rcx);
    }
    try {
      if (EpcmEntry.valid(target.bits())) {
        return Operands.epc(rcx, "EPC page 0x%x is valid already".formatted(rcx));
      }
      if (target instanceof LooseFrame) {
        return Outcome.gp("EPC page 0x%x is not available: it is one of no ELRANGE".formatted(rcx));
      }
      if (!secsPage.tryShared()) {
        return Operands.busy(pageinfo.secs());
      }
      try {
        return add(operands, pageinfo, secinfo, target, secsPage);
      } finally {
        secsPage.releaseShared();
      }
    } finally {
      target.releaseExclusive();
    }
  }

  private static Outcome add(
      Operands operands, Pageinfo pageinfo, Secinfo secinfo, EpcPage target, EpcPage secsPage) {
    SecsPage secs = secsPage instanceof LooseFrame frame ? frame.secs() : null;
    if (secs == null) {
      return Operands.epc(pageinfo.secs(), "PAGEINFO.SECS=0x%x is not a SECS".formatted(pageinfo.secs()));
    }
    MemorySegment source = operands.copy(pageinfo.srcPge(), PAGE);
    if (source == null) {
      return Operands.notMapped(pageinfo.srcPge(), "the source page");
    }
    Outcome.Fault content = checkContent(secinfo, source);
    if (content != null) {
      return content;
    }
    if (!secs.contains(pageinfo.linAddr())) {
      return outside(pageinfo.linAddr(), secs);
    }
    Outcome.Fault elsewhere = Operands.checkHome(target, secs, pageinfo.linAddr());
    if (elsewhere != null) {
      return elsewhere;
    }
    if (!secs.building().tryTake()) {
      return Outcome.gp("another leaf updates the measurement");
    }
    try {
      if (secs.initialised()) {
        return Outcome.gp("the enclave is initialised already");
      }
      long page = ((ElrangePage) target).page();
      Secinfo forced = forced(secinfo);
      TcsPage tcs = store(secs, page, forced, source);
      secs.measurement().eadd(page * PAGE, forced);
      commit(secs, page, 1, forced, tcs);
      return Outcome.success();
    } finally {
      secs.building().release();
    }
  }

  private static Outcome.@Nullable Fault checkAlignment(Pageinfo pageinfo) {
    if ((pageinfo.srcPge() & (PAGE - 1)) != 0) {
      return Outcome.gp("PAGEINFO.SRCPGE=0x%x is not aligned to 4096 bytes".formatted(pageinfo.srcPge()));
    }
    if ((pageinfo.secs() & (PAGE - 1)) != 0) {
      return Outcome.gp("PAGEINFO.SECS=0x%x is not aligned to 4096 bytes".formatted(pageinfo.secs()));
    }
    if ((pageinfo.secinfo() & (Secinfo.ALIGNMENT - 1)) != 0) {
      return Outcome.gp("PAGEINFO.SECINFO=0x%x is not aligned to 64 bytes".formatted(pageinfo.secinfo()));
    }
    if ((pageinfo.linAddr() & (PAGE - 1)) != 0) {
      return Outcome.gp("PAGEINFO.LINADDR=0x%x is not aligned to 4096 bytes".formatted(pageinfo.linAddr()));
    }
    return null;
  }

  /** The page's type. PENDING, MODIFIED and PR are the processor's to set: reserved in this leaf's operand. */
  public static Outcome.@Nullable Fault checkSecinfo(Secinfo secinfo) {
    if (secinfo.pending() || secinfo.modified() || secinfo.pr()) {
      return Outcome.gp("SECINFO=" + secinfo + ": expected PENDING, MODIFIED and PR clear");
    }
    if (secinfo.type() != PageType.REG && secinfo.type() != PageType.TCS) {
      return Outcome.gp("SECINFO.FLAGS.PT=" + secinfo.type() + ": expected PT_REG or PT_TCS");
    }
    return null;
  }

  /** What the page's type asks of its content and permissions. */
  public static Outcome.@Nullable Fault checkContent(Secinfo secinfo, MemorySegment page) {
    if (secinfo.type() == PageType.TCS) {
      return zero(page.asSlice(TCS_RESERVED)) ? null : Outcome.gp("TCS has reserved bytes set");
    }
    return checkPermissions(secinfo);
  }

  /** What a regular page's permissions have to be. */
  public static Outcome.@Nullable Fault checkPermissions(Secinfo secinfo) {
    return secinfo.permissions().write() && !secinfo.permissions().read()
        ? Outcome.gp("SECINFO=" + secinfo + ": W without R")
        : null;
  }

  /** The answer for a page that does not lie in the ELRANGE. */
  public static Outcome.Fault outside(long address, SecsPage secs) {
    return Outcome.gp(
        "PAGEINFO.LINADDR=0x%x is not in the ELRANGE 0x%x + 0x%x".formatted(address, secs.base(), secs.size()));
  }

  /** What becomes of the SECINFO: a TCS has no permissions. */
  public static Secinfo forced(Secinfo secinfo) {
    return secinfo.type() == PageType.TCS ? new Secinfo(PageType.TCS, Permissions.NONE) : secinfo;
  }

  /**
   * Puts a page's bytes in their place: a TCS in the monitor, a regular page in the enclave's memory, and zeroes
   * nowhere, since fresh memory is zero and writing to it would make it cost.
   */
  static @Nullable TcsPage store(SecsPage secs, long page, Secinfo secinfo, MemorySegment bytes) {
    if (secinfo.type() == PageType.TCS) {
      return new TcsPage(page, secs.base() + page * PAGE, bytes);
    }
    if (!zero(bytes)) {
      secs.memory().segment().asSlice(page * PAGE, PAGE).copyFrom(bytes);
    }
    return null;
  }

  /** The EPCM's part, for a run of pages. */
  public static void commit(SecsPage secs, long page, long count, Secinfo secinfo, @Nullable TcsPage tcs) {
    if (tcs != null) {
      secs.threads().add(tcs);
    }
    secs.pages().set(page, count, EpcmEntry.bits(secinfo.type(), secinfo.permissions()));
  }

  /** Whether all bytes are zero. At most a page. */
  public static boolean zero(MemorySegment bytes) {
    // Most pages that are not zero say so at once.
    return bytes.get(JAVA_BYTE, 0) == 0
        && MemorySegment.mismatch(bytes, 0, bytes.byteSize(), ZERO, 0, bytes.byteSize()) < 0;
  }
}
