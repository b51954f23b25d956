package org.enclavisor.monitor.leaf;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Tcs;
import org.enclavisor.monitor.EnclsRegisters;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.epc.VersionArray;
import org.jspecify.annotations.Nullable;

/**
 * ENCLS[EDBGRD]: reads 8 bytes of a debug enclave, whatever the permissions of their page (SDM 3D, “EDBGRD—Read From a
 * Debug Enclave”). Of a version array it tells only which slots are in use.
 */
public final class Edbgrd {
  /** What a read or write moves, in bytes. */
  public static final int WORD = 8;

  /** SGX_TCS_LIMIT: without CET, what follows GSLIMIT is reserved. */
  private static final int TCS_LIMIT = 72;

  private static final int PAGE = 4096;

  private Edbgrd() {}

  /**
   * @param r RCX is the address of the word in an EPC page; RBX receives it
   */
  public static Outcome execute(Epc epc, EnclsRegisters r) {
    long[] word = new long[1];
    Outcome outcome = read(epc, r.rcx, MemorySegment.ofArray(word));
    if (outcome.ok()) {
      r.rbx = word[0];
    }
    return outcome;
  }

  /**
   * The leaf for neighbouring words, as if it were executed for one after the other, but faster.
   *
   * @param rcx address of the first word
   * @param into a positive whole number of words, which lie in one EPC page and either all before SGX_TCS_LIMIT or all
   *     beyond it
   */
  public static Outcome read(Epc epc, long rcx, MemorySegment into) {
    Outcome.Fault misaligned = checkAlignment(rcx);
    if (misaligned != null) {
      return misaligned;
    }
    EpcPage target = epc.resolve(rcx);
    if (target == null) {
      return Operands.outside(rcx);
    }
    if (!target.tryShared()) {
      return Operands.busy(rcx & -PAGE);
    }
    try {
      int bits = target.bits();
      boolean versions = EpcmEntry.is(bits, PageType.VA);
      Outcome refused = checkPage(bits, versions, rcx);
      if (refused != null) {
        return refused;
      }
      int within = (int) rcx & (PAGE - 1);
      return switch (target) {
        case ElrangePage page -> enclavePage(page, bits, within, into);
        case LooseFrame frame -> slots(Objects.requireNonNull(frame.versions()), within, into);
      };
    } finally {
      target.releaseShared();
    }
  }

  private static Outcome enclavePage(ElrangePage target, int bits, int within, MemorySegment into) {
    TcsPage tcs = EpcmEntry.is(bits, PageType.TCS) ? target.secs().threads().get(target.page()) : null;
    if (tcs != null && within >= TCS_LIMIT) {
      return Outcome.gp("offset 0x%x of a TCS: expected less than %d".formatted(within, TCS_LIMIT));
    }
    Outcome.Fault refused = checkDebug(target);
    if (refused != null) {
      return refused;
    }
    if (tcs != null) {
      MemorySegment bytes = MemorySegment.ofArray(tcs.bytes());
      bytes.set(JAVA_LONG_UNALIGNED, Tcs.STATE_OFFSET, tcs.state() == TcsPage.ACTIVE ? 1 : 0);
      MemorySegment.copy(bytes, within, into, 0, into.byteSize());
    } else {
      MemorySegment.copy(target.secs().memory().segment(), target.offset() + within, into, 0, into.byteSize());
    }
    return Outcome.success();
  }

  private static Outcome slots(VersionArray versions, int within, MemorySegment into) {
    for (int at = 0; at < into.byteSize(); at += WORD) {
      long version = versions.get((within + at) / WORD) & ~7L;
      into.set(JAVA_LONG_UNALIGNED, at, version == 0 ? 0 : -1);
    }
    return Outcome.success();
  }

  /** The address of a word. */
  static Outcome.@Nullable Fault checkAlignment(long rcx) {
    return (rcx & (WORD - 1)) != 0 ? Outcome.gp("0x%x is not aligned to 8 bytes".formatted(rcx)) : null;
  }

  /**
   * What EDBGRD and EDBGWR ask of the page.
   *
   * @param other whether it is of a type that only one of them takes
   */
  static @Nullable Outcome checkPage(int bits, boolean other, long rcx) {
    if (!EpcmEntry.valid(bits)) {
      return Operands.epc(rcx, "EPC page 0x%x is not valid".formatted(rcx & -PAGE));
    }
    if (!EpcmEntry.is(bits, PageType.REG) && !EpcmEntry.is(bits, PageType.TCS) && !other) {
      return Operands.epc(rcx, "EPC page 0x%x is PT_%s".formatted(rcx & -PAGE, EpcmEntry.type(bits)));
    }
    if (EpcmEntry.pendingOrModified(bits)) {
      return Outcome.error(
          SgxError.SGX_PAGE_NOT_DEBUGGABLE, "EPC page 0x%x is pending or modified".formatted(rcx & -PAGE));
    }
    return null;
  }

  /** Whether the page's enclave is one to be debugged. */
  static Outcome.@Nullable Fault checkDebug(ElrangePage target) {
    return target.secs().attributes().has(Attributes.DEBUG) ? null : Outcome.gp("the enclave is not a debug enclave");
  }
}
