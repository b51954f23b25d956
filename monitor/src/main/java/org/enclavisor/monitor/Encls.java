package org.enclavisor.monitor;

import java.util.concurrent.atomic.AtomicLong;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.leaf.Cpu;
import org.enclavisor.monitor.leaf.Eadd;
import org.enclavisor.monitor.leaf.Eaug;
import org.enclavisor.monitor.leaf.Eblock;
import org.enclavisor.monitor.leaf.Ecreate;
import org.enclavisor.monitor.leaf.Edbgrd;
import org.enclavisor.monitor.leaf.Edbgwr;
import org.enclavisor.monitor.leaf.Eextend;
import org.enclavisor.monitor.leaf.Einit;
import org.enclavisor.monitor.leaf.Eld;
import org.enclavisor.monitor.leaf.Emodpr;
import org.enclavisor.monitor.leaf.Emodt;
import org.enclavisor.monitor.leaf.Epa;
import org.enclavisor.monitor.leaf.Erdinfo;
import org.enclavisor.monitor.leaf.Eremove;
import org.enclavisor.monitor.leaf.Etrack;
import org.enclavisor.monitor.leaf.Eupdatesvn;
import org.enclavisor.monitor.leaf.Ewb;
import org.enclavisor.monitor.leaf.Operands;
import org.enclavisor.monitor.leaf.PageCrypto;
import org.jspecify.annotations.Nullable;

/**
 * The ENCLS instruction (SDM 3D, “ENCLS—Execute an Enclave System Function of Specified Leaf Number”): what an operating
 * system has of SGX, leaf by leaf, with EPC pages named by their addresses and all else in the memory that the caller
 * maps. The monitor is such a system itself; others are test suites, and whoever wants to see a single leaf.
 *
 * <p>Thread-safe: leaves run at the same time and conflict as the manual's concurrency tables say.
 */
public final class Encls {

  /** What becomes of an enclave when leaves that make or end it have succeeded. */
  interface Births {
    /** After ECREATE: gives it memory. */
    void created(SecsPage secs);

    /** After EINIT: its pages become accessible. */
    void initialised(SecsPage secs);

    /** After EREMOVE of its SECS. */
    void removed(SecsPage secs);

    /** For who executes no such leaves. */
    Births NONE =
        new Births() {
          @Override
          public void created(SecsPage secs) {}

          @Override
          public void initialised(SecsPage secs) {}

          @Override
          public void removed(SecsPage secs) {}
        };
  }

  private final Cpu cpu;
  private final Epc epc;
  private final PageCrypto paging;
  private final AtomicLong nextEid;
  private final Births births;
  private volatile Digest32 launchKeyHash;

  Encls(Cpu cpu, Epc epc, PageCrypto paging, AtomicLong nextEid, Digest32 launchKeyHash, Births births) {
    this.cpu = cpu;
    this.epc = epc;
    this.paging = paging;
    this.nextEid = nextEid;
    this.launchKeyHash = launchKeyHash;
    this.births = births;
  }

  /** WRMSR of IA32_SGXLEPUBKEYHASH: whose enclaves EINIT takes without a token. */
  public void launchKeyHash(Digest32 signer) {
    launchKeyHash = signer;
  }

  /** An empty EPC page for a SECS or a version array; its address. */
  public long reservePage() {
    return epc.reserve().address();
  }

  /**
   * The EPC page for an enclave's page at a linear address.
   *
   * @param secs address of the SECS
   * @throws IllegalArgumentException if there is no such enclave, or the address is not in its ELRANGE
   */
  public long pageAt(long secs, long linear) {
    if (!(epc.resolve(secs) instanceof LooseFrame frame) || !(frame.secs() instanceof SecsPage page)
        || !page.contains(linear)) {
      throw new IllegalArgumentException("secs=0x%x linear=0x%x: no such page".formatted(secs, linear));
    }
    return Epc.address(page.elrange().firstFrame()) + (linear - page.base() & -Eadd.PAGE);
  }

  /** Executes a leaf, for those who are not part of the monitor. */
  public Outcome execute(int number, EnclsRegisters r, LinearMemory memory) {
    return execute(number, r, memory.operands());
  }

  /** The EPC page at an address, to be locked as another leaf would; null if the address is not in the EPC. */
  public @Nullable EpcPage page(long address) {
    return epc.resolve(address);
  }

  /**
   * Executes a leaf.
   *
   * @param number EAX
   * @param r RBX, RCX and RDX; leaves that return something there have changed them
   * @param memory what their addresses outside the EPC mean
   */
  public Outcome execute(int number, EnclsRegisters r, Operands memory) {
    EnclsLeaf leaf = EnclsLeaf.of(number).orElse(null);
    if (leaf == null || !cpu.has(SgxFeature.of(leaf))) {
      return Outcome.gp("ENCLS leaf 0x%x: not there".formatted(number));
    }
    return switch (leaf) {
      case ECREATE -> ecreate(r, memory);
      case EADD -> Eadd.execute(epc, memory, r.rbx, r.rcx);
      case EINIT -> einit(r, memory);
      case EREMOVE -> eremove(r);
      case EEXTEND -> Eextend.execute(epc, r.rbx, r.rcx);
      case EDBGRD -> Edbgrd.execute(epc, r);
      case EDBGWR -> Edbgwr.execute(epc, r);
      case EAUG -> Eaug.execute(epc, memory, r.rbx, r.rcx);
      case EMODPR -> Emodpr.execute(epc, memory, r.rbx, r.rcx);
      case EMODT -> Emodt.execute(epc, memory, r.rbx, r.rcx);
      case ELDB -> eld(r, memory, true, false);
      case ELDU -> eld(r, memory, false, false);
      case EBLOCK -> Eblock.execute(epc, r.rcx);
      case EPA -> Epa.execute(epc, r.rbx, r.rcx);
      case EWB -> Ewb.execute(epc, paging, memory, r.rbx, r.rcx, r.rdx);
      case ETRACK -> Etrack.execute(epc, r.rcx);
      case ETRACKC -> Etrack.executeConcurrent(epc, r.rcx);
      case ELDBC -> eld(r, memory, true, true);
      case ELDUC -> eld(r, memory, false, true);
      case ERDINFO -> Erdinfo.execute(epc, memory, r.rbx, r.rcx);
      case EUPDATESVN -> Eupdatesvn.execute(epc, paging);
    };
  }

  private Outcome eld(EnclsRegisters r, Operands memory, boolean blocked, boolean codes) {
    return new Eld(epc, paging, memory, blocked, codes).execute(r.rbx, r.rcx, r.rdx);
  }

  private Outcome ecreate(EnclsRegisters r, Operands memory) {
    Outcome outcome = Ecreate.execute(cpu, epc, memory, r.rbx, r.rcx, nextEid);
    if (outcome.ok() && secs(r.rcx) instanceof SecsPage secs) {
      births.created(secs);
    }
    return outcome;
  }

  private Outcome einit(EnclsRegisters r, Operands memory) {
    Outcome outcome = Einit.execute(cpu, epc, memory, r.rbx, r.rcx, r.rdx, launchKeyHash);
    if (outcome.ok() && secs(r.rcx) instanceof SecsPage secs) {
      births.initialised(secs);
    }
    return outcome;
  }

  private Outcome eremove(EnclsRegisters r) {
    SecsPage before = secs(r.rcx);
    Outcome outcome = Eremove.execute(epc, r.rcx);
    if (outcome.ok() && before != null) {
      births.removed(before);
    }
    return outcome;
  }

  private @Nullable SecsPage secs(long address) {
    EpcPage page = epc.resolve(address);
    return page instanceof LooseFrame frame ? frame.secs() : null;
  }
}
