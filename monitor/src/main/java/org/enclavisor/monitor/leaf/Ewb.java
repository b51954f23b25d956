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
 * ENCLS[EWB]: evicts a page, encrypted and bound to a version that only the version array knows (SDM 3D, “EWB—Invalidate
 * an EPC Page and Write out to Main Memory”).
 *
 * <p>A slot that is in use is overwritten: the page in it is lost, and CF tells so. The manual's “EBLOCK is not correct”
 * cannot happen here, since blocking and stamping a page is one step.
 */
public final class Ewb {
  private static final int PAGE = PageCrypto.PAGE;
  private static final int SLOT = 8;

  private Ewb() {}

  /**
   * @param rbx address of a PAGEINFO, whose LINADDR receives the page's linear address
   * @param rcx address of the EPC page
   * @param rdx address of a slot of a version array
   */
  public static Outcome execute(Epc epc, PageCrypto crypto, Operands operands, long rbx, long rcx, long rdx) {
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
    if ((rdx & -PAGE) == rcx) {
      return Outcome.gp("EPC page and version slot are in the same page 0x%x".formatted(rcx));
    }
    MemorySegment pageinfoBytes = operands.writable(rbx, Pageinfo.BYTES);
    if (pageinfoBytes == null) {
      return Operands.notWritable(rbx, "PAGEINFO");
    }
    Pageinfo pageinfo = Pageinfo.read(pageinfoBytes);
    if (pageinfo.linAddr() != 0 || pageinfo.secs() != 0) {
      return Outcome.gp(
          "PAGEINFO.LINADDR=0x%x SECS=0x%x: expected 0".formatted(pageinfo.linAddr(), pageinfo.secs()));
    }
    Outcome.Fault misaligned = Operands.checkPcmdAndSource(pageinfo);
    if (misaligned != null) {
      return misaligned;
    }
    if (!target.tryExclusive()) {
      return Operands.busy(rcx);
    }
    try {
      if (!array.tryShared()) {
        return Operands.busy(rdx & -PAGE);
      }
      try {
        int bits = target.bits();
        if (!EpcmEntry.valid(bits)) {
          return Operands.epc(rcx, "EPC page 0x%x is not valid".formatted(rcx));
        }
        if (!(array instanceof LooseFrame frame) || !(frame.versions() instanceof VersionArray versions)) {
          return Operands.epc(rdx, "version slot at 0x%x is not in a version array".formatted(rdx));
        }
        Outcome refused = check(target, bits);
        if (refused != null) {
          return refused;
        }
        MemorySegment page = operands.writable(pageinfo.srcPge(), PAGE);
        if (page == null) {
          return Operands.notWritable(pageinfo.srcPge(), "PAGEINFO.SRCPGE");
        }
        MemorySegment pcmd = operands.writable(pageinfo.secinfo(), Pcmd.BYTES);
        if (pcmd == null) {
          return Operands.notWritable(pageinfo.secinfo(), "PCMD");
        }
        long version = encrypt(crypto, target, bits, page, pcmd);
        pageinfoBytes.set(JAVA_LONG_UNALIGNED, 0, target.enclaveAddress());
        long lost = versions.exchange((int) (rdx & (PAGE - 1)) / SLOT, version);
        invalidate(epc, target, bits);
        return lost == 0
            ? Outcome.success()
            : Outcome.carry(SgxError.SGX_VA_SLOT_OCCUPIED, "version slot at 0x%x was in use".formatted(rdx));
      } finally {
        array.releaseShared();
      }
    } finally {
      target.releaseExclusive();
    }
  }

  /** Whether the page can be evicted now. */
  private static @Nullable Outcome check(EpcPage target, int bits) {
    return switch (target) {
      case ElrangePage(SecsPage secs, long page) -> {
        if (!EpcmEntry.blocked(bits)) {
          yield Outcome.error(SgxError.SGX_PAGE_NOT_BLOCKED, "the page is not blocked");
        }
        TcsPage tcs = EpcmEntry.is(bits, PageType.TCS) ? secs.threads().get(page) : null;
        // A thread can count as having entered anew since its TCS was blocked, and still be inside on it.
        if (tcs != null && tcs.taken()) {
          yield Outcome.error(SgxError.SGX_NOT_TRACKED, "a thread is inside on the TCS");
        }
        yield secs.tracking().tracked(secs.pages().epoch(page))
            ? null
            : Outcome.error(SgxError.SGX_NOT_TRACKED, "translations of the page may still be in use");
      }
      case LooseFrame frame -> {
        SecsPage secs = frame.secs();
        yield secs != null && secs.hasChildren()
            ? Outcome.error(
                SgxError.SGX_CHILD_PRESENT, "the enclave still has %d pages".formatted(secs.pages().validCount()))
            : null;
      }
    };
  }

  /** Writes ciphertext and PCMD. Returns the version. */
  private static long encrypt(
      PageCrypto crypto, EpcPage target, int bits, MemorySegment page, MemorySegment pcmd) {
    try (PageCrypto.Page work = crypto.page()) {
      long headerEid = 0;
      long pcmdEid = 0;
      switch (target) {
        case ElrangePage child -> {
          headerEid = child.secs().eid();
          pcmdEid = headerEid;
          read(child, bits, work.plain());
        }
        case LooseFrame frame -> {
          if (frame.secs() instanceof SecsPage secs) {
            pcmdEid = secs.eid();
            secs.write(work.plain());
          } else if (frame.versions() instanceof VersionArray versions) {
            versions.write(work.plain());
          }
        }
      }
      long version = crypto.nextVersion();
      work.header(EpcmEntry.flags(bits), headerEid, target.enclaveAddress());
      work.encrypt(version);
      pcmd.fill((byte) 0);
      pcmd.set(JAVA_LONG_UNALIGNED, PageCrypto.PCMD_SECINFO, EpcmEntry.flags(bits));
      pcmd.set(JAVA_LONG_UNALIGNED, PageCrypto.PCMD_ENCLAVEID, pcmdEid);
      work.out(page, pcmd);
      return version;
    }
  }

  private static void read(ElrangePage target, int bits, MemorySegment into) {
    SecsPage secs = target.secs();
    TcsPage tcs = EpcmEntry.is(bits, PageType.TCS) ? secs.threads().get(target.page()) : null;
    if (tcs != null) {
      into.copyFrom(MemorySegment.ofArray(tcs.bytes()));
      return;
    }
    // Tracking relies on threads being out when they say so. The machine relies on nothing.
    secs.translations().revoke(target.page());
    MemorySegment.copy(secs.memory().segment(), target.offset(), into, 0, PAGE);
  }

  private static void invalidate(Epc epc, EpcPage target, int bits) {
    switch (target) {
      case ElrangePage(SecsPage secs, long page) -> {
        if (EpcmEntry.is(bits, PageType.TCS)) {
          secs.threads().remove(page);
        } else {
          secs.translations().empty(page);
        }
        secs.pages().set(page, 1, 0);
      }
      case LooseFrame frame -> {
        SecsPage secs = frame.secs();
        if (secs != null) {
          epc.evict(secs);
        }
        frame.clear();
      }
    }
  }
}
