package org.enclavisor.monitor.leaf;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Pcmd;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.epc.VersionArray;
import org.jspecify.annotations.Nullable;

/**
 * ENCLS[ELDB], [ELDU], [ELDBC], [ELDUC]: bring an evicted page back (SDM 3D, “ELDB/ELDU/ELDBC/ELDUC—Load an EPC Page and
 * Mark its State”). A version is good for one load: the slot is empty afterwards.
 *
 * <p>The manual's pseudo-code ends with a check that the slot is 0, which can only mean that it still holds the version
 * that the MAC was checked with, and with storing the version there, which can only mean clearing the slot; so it is
 * here, and so software relies on it. PCMD.ENCLAVEID is for software: by the manual no leaf looks at it.
 */
public final class Eld {
  private static final int PAGE = PageCrypto.PAGE;
  private static final int SLOT = 8;

  private final Epc epc;
  private final PageCrypto crypto;
  private final Operands operands;
  private final boolean blocked;
  private final boolean codes;

  /**
   * One execution of a leaf.
   *
   * @param blocked whether the page comes back blocked: ELDB, ELDBC
   * @param codes whether conflicts are an error code and no fault: ELDBC, ELDUC
   */
  public Eld(Epc epc, PageCrypto crypto, Operands operands, boolean blocked, boolean codes) {
    this.epc = epc;
    this.crypto = crypto;
    this.operands = operands;
    this.blocked = blocked;
    this.codes = codes;
  }

  /**
   * @param rbx address of a PAGEINFO
   * @param rcx address of the destination, an empty EPC page
   * @param rdx address of the slot with the page's version
   */
  public Outcome execute(long rbx, long rcx, long rdx) {
    Outcome.Fault operand = Operands.checkPageinfoAndPage(rbx, rcx);
    if (operand != null) {
      return operand;
    }
    EpcPage target = epc.resolve(rcx);
    if (target == null) {
      return Operands.outside(rcx);
    }
    if ((rdx & (SLOT - 1)) != 0) {
      return Outcome.gp("version slot at 0x%x is not aligned to 8 bytes".formatted(rdx));
    }
    EpcPage array = epc.resolve(rdx);
    if (array == null) {
      return Operands.outside(rdx);
    }
    MemorySegment pageinfoBytes = operands.shared(rbx, Pageinfo.BYTES);
    if (pageinfoBytes == null) {
      return Operands.notMapped(rbx, "PAGEINFO");
    }
    Pageinfo pageinfo = Pageinfo.read(pageinfoBytes);
    Outcome.Fault misaligned = Operands.checkPcmdAndSource(pageinfo);
    if (misaligned != null) {
      return misaligned;
    }
    if (!target.tryExclusive()) {
      return conflict(rcx);
    }
    try {
      if (!array.tryShared()) {
        return conflict(rdx & -PAGE);
      }
      try {
        if (EpcmEntry.valid(target.bits())) {
          return Operands.epc(rcx, "EPC page 0x%x is valid already".formatted(rcx));
        }
        if (!(array instanceof LooseFrame frame) || !(frame.versions() instanceof VersionArray versions)) {
          return Operands.epc(rdx, "version slot at 0x%x is not in a version array".formatted(rdx));
        }
        return load(pageinfo, target, rcx, versions, (int) (rdx & (PAGE - 1)) / SLOT);
      } finally {
        array.releaseShared();
      }
    } finally {
      target.releaseExclusive();
    }
  }

  private Outcome load(Pageinfo pageinfo, EpcPage target, long rcx, VersionArray versions, int slot) {
    MemorySegment pcmd = operands.shared(pageinfo.secinfo(), Pcmd.BYTES);
    if (pcmd == null) {
      return Operands.notMapped(pageinfo.secinfo(), "PCMD");
    }
    try (PageCrypto.Page work = crypto.page()) {
      long flags = work.pcmd(pcmd);
      int type = (int) (flags >>> 8) & 0xFF;
      return type == PageType.REG.code() || type == PageType.TCS.code() || type == PageType.TRIM.code()
          ? child(pageinfo, target, rcx, versions, slot, work, flags)
          : load(pageinfo, target, rcx, versions, slot, work, flags, null);
    }
  }

  private Outcome child(
      Pageinfo pageinfo,
      EpcPage target,
      long rcx,
      VersionArray versions,
      int slot,
      PageCrypto.Page work,
      long flags) {
    long parent = pageinfo.secs();
    if ((parent & (PAGE - 1)) != 0) {
      return Outcome.gp("PAGEINFO.SECS=0x%x is not aligned to 4096 bytes".formatted(parent));
    }
    EpcPage secsPage = epc.resolve(parent);
    if (secsPage == null) {
      return Operands.outside(parent);
    }
    if (!secsPage.tryShared()) {
      return conflict(parent);
    }
    try {
      SecsPage secs = secsPage instanceof LooseFrame frame ? frame.secs() : null;
      return secs == null
          ? Operands.epc(parent, "PAGEINFO.SECS=0x%x is not a SECS".formatted(parent))
          : load(pageinfo, target, rcx, versions, slot, work, flags, secs);
    } finally {
      secsPage.releaseShared();
    }
  }

  private Outcome load(
      Pageinfo pageinfo,
      EpcPage target,
      long rcx,
      VersionArray versions,
      int slot,
      PageCrypto.Page work,
      long flags,
      @Nullable SecsPage parent) {
    MemorySegment source = operands.shared(pageinfo.srcPge(), PAGE);
    if (source == null) {
      return Operands.notMapped(pageinfo.srcPge(), "PAGEINFO.SRCPGE");
    }
    work.in(source, parent == null ? 0 : parent.eid(), pageinfo.linAddr());
    long version = versions.get(slot);
    if (!work.decrypt(version)) {
      return Outcome.error(
          SgxError.SGX_MAC_COMPARE_FAIL, "the page is not what was evicted with the version in slot " + slot);
    }
    // From here on all that the PCMD and the PAGEINFO say is true.
    if (!fits(target, parent, pageinfo.linAddr())) {
      return codes ? conflict(rcx) : elsewhere(target, pageinfo.linAddr());
    }
    int bits = EpcmEntry.ofFlags(flags);
    SecsPage secs = null;
    if (EpcmEntry.is(bits, PageType.SECS)) {
      secs = epc.reload(SecsPage.eid(work.plain()));
      if (secs == null) {
        return Outcome.gp("the enclave was removed while its SECS was evicted");
      }
    }
    if (!versions.clear(slot, version)) {
      if (secs != null) {
        epc.evict(secs);
      }
      return Outcome.gp("the version slot has changed meanwhile");
    }
    commit(target, bits, work.plain(), secs);
    return Outcome.success();
  }

  /** Whether the frame can hold the page: see {@link Epc}. */
  private static boolean fits(EpcPage target, @Nullable SecsPage parent, long linAddr) {
    return parent == null
        ? target instanceof LooseFrame
        : Operands.checkHome(target, parent, linAddr) == null;
  }

  private static Outcome elsewhere(EpcPage target, long linAddr) {
    return Outcome.gp(
        "the EPC page is not available for the page of 0x%x: its own is 0x%x"
            .formatted(linAddr, target.enclaveAddress()));
  }

  private void commit(EpcPage target, int bits, MemorySegment content, @Nullable SecsPage secs) {
    switch (target) {
      case ElrangePage(SecsPage owner, long page) -> {
        if (EpcmEntry.is(bits, PageType.TCS)) {
          owner.threads().add(TcsPage.restored(page, target.enclaveAddress(), content));
        } else if (!Eadd.zero(content)) {
          MemorySegment.copy(content, 0, owner.memory().segment(), page * PAGE, PAGE);
        }
        // Nobody has had translations of it since it was invalid, so a blocked page is tracked from the first epoch on.
        owner.pages().stamp(page, blocked ? EpcmEntry.block(bits) : bits, 0);
      }
      case LooseFrame frame -> {
        if (secs != null) {
          secs.restore(content);
          frame.put(secs);
        } else {
          frame.put(VersionArray.read(content));
        }
      }
    }
  }

  private Outcome conflict(long address) {
    return codes ? Operands.conflict(address) : Operands.busy(address);
  }
}
