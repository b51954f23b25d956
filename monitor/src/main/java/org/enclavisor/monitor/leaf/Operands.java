package org.enclavisor.monitor.leaf;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Pcmd;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.SecsPage;
import org.jspecify.annotations.Nullable;

/** The linear memory, outside the EPC, in which an ENCLS leaf finds its operands. Confined to one thread. */
public final class Operands {
  private record Window(long address, MemorySegment segment) {}

  private final List<Window> windows = new ArrayList<>();

  /** Maps a segment. */
  public Operands map(long address, MemorySegment segment) {
    windows.add(new Window(address, segment));
    return this;
  }

  /** A copy of so many bytes, which nobody else can change; null if they are not all mapped. */
  @Nullable MemorySegment copy(long address, long bytes) {
    MemorySegment shared = shared(address, bytes);
    return shared == null ? null : MemorySegment.ofArray(new byte[Math.toIntExact(bytes)]).copyFrom(shared);
  }

  /** So many bytes, which others may change at any time; null if they are not all mapped. */
  @Nullable MemorySegment shared(long address, long bytes) {
    for (int i = 0; i < windows.size(); i++) {
      Window window = windows.get(i);
      long at = address - window.address;
      if (at >= 0 && at <= window.segment.byteSize() - bytes) {
        return window.segment.asSlice(at, bytes);
      }
    }
    return null;
  }

  /** So many bytes for a leaf's results; null if they are not all mapped for writing. */
  @Nullable MemorySegment writable(long address, long bytes) {
    MemorySegment shared = shared(address, bytes);
    return shared == null || shared.isReadOnly() ? null : shared;
  }

  /** What ECREATE and EADD ask first: RBX as the address of a PAGEINFO, RCX as that of an EPC page. */
  static Outcome.@Nullable Fault checkPageinfoAndPage(long rbx, long rcx) {
    if ((rbx & (Pageinfo.ALIGNMENT - 1)) != 0) {
      return Outcome.gp("PAGEINFO at 0x%x is not aligned to 32 bytes".formatted(rbx));
    }
    if ((rcx & (Eadd.PAGE - 1)) != 0) {
      return misaligned(rcx);
    }
    return null;
  }

  /** What a leaf answers that does not get its lock on an EPC page, unless its table has an error code for it. */
  static Outcome.Fault busy(long address) {
    return Outcome.gp("another leaf works on the EPC page 0x%x".formatted(address));
  }

  /** The same of a leaf whose table has the code. */
  static Outcome conflict(long address) {
    return Outcome.error(
        SgxError.SGX_EPC_PAGE_CONFLICT, "another leaf works on the EPC page 0x%x".formatted(address));
  }

  /** What EMODPR and EMODT answer while another leaf modifies the page's entry. */
  static Outcome modified(long address) {
    return Outcome.error(
        SgxError.SGX_EPC_PAGE_CONFLICT, "another leaf modifies the EPC page 0x%x".formatted(address));
  }

  /** The answer for the address of an EPC page that does not begin one. */
  static Outcome.Fault misaligned(long address) {
    return Outcome.gp("EPC page at 0x%x is not aligned to 4096 bytes".formatted(address));
  }

  /** The answer for an address that does not resolve within the EPC. */
  static Outcome.Fault outside(long address) {
    return epc(address, "0x%x is not in the EPC".formatted(address));
  }

  /** What EWB and ELDx ask of the addresses in a PAGEINFO, whose SECINFO is the PCMD. */
  static Outcome.@Nullable Fault checkPcmdAndSource(Pageinfo pageinfo) {
    if ((pageinfo.secinfo() & (Pcmd.ALIGNMENT - 1)) != 0) {
      return Outcome.gp("PAGEINFO.PCMD=0x%x is not aligned to 128 bytes".formatted(pageinfo.secinfo()));
    }
    if ((pageinfo.srcPge() & (Eadd.PAGE - 1)) != 0) {
      return Outcome.gp("PAGEINFO.SRCPGE=0x%x is not aligned to 4096 bytes".formatted(pageinfo.srcPge()));
    }
    return null;
  }

  /** Whether an EPC page is the one in which an enclave's page at a linear address can be. */
  static Outcome.@Nullable Fault checkHome(EpcPage target, SecsPage secs, long linAddr) {
    if (target instanceof ElrangePage(SecsPage owner, long page)
        && owner == secs
        && page == (linAddr - secs.base()) / Eadd.PAGE) {
      return null;
    }
    return Outcome.gp(
        "the EPC page is not available at 0x%x: its memory is mapped at 0x%x"
            .formatted(linAddr, target.enclaveAddress()));
  }

  /** #PF of a supervisor's read of what is not mapped; #GP(0) if no address could be. */
  static Outcome.Fault notMapped(long address, String name) {
    if (!Cpu.canonical(address)) {
      return Outcome.gp("%s at 0x%x is not canonical".formatted(name, address));
    }
    return new Outcome.Fault(
        Vector.PF, 0, address, "%s at 0x%x is not mapped".formatted(name, address));
  }

  /** #PF of a supervisor's write to what is not mapped, or not for that; #GP(0) if no address could be. */
  static Outcome.Fault notWritable(long address, String name) {
    Outcome.Fault fault = notMapped(address, name);
    return fault.vector() == Vector.PF
        ? new Outcome.Fault(
            Vector.PF, Outcome.Fault.WRITE, address, "%s at 0x%x is not mapped for writing".formatted(name, address))
        : fault;
  }

  /** #PF of an ENCLS leaf whose operand the EPCM refuses; #GP(0) if it is no address. */
  static Outcome.Fault epc(long address, String reason) {
    if (!Cpu.canonical(address)) {
      return Outcome.gp("0x%x is not canonical".formatted(address));
    }
    return new Outcome.Fault(
        Vector.PF, Outcome.Fault.SGX | Outcome.Fault.PRESENT, address, reason);
  }
}
