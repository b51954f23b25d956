package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.Random;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Pcmd;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.ElrangePage;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.epc.VersionArray;

/** An initialised enclave, a version array, and places to evict pages to. */
class PagingScene extends LeafScene {
  static final long PCMD_AT = 0x7000;
  static final long SLOT = 24;

  final PageCrypto crypto;
  final SecsPage page;
  final LooseFrame array = epc.reserve();
  final MemorySegment pageinfo = MemorySegment.ofArray(new byte[Pageinfo.BYTES]);
  final MemorySegment pcmd = MemorySegment.ofArray(new byte[Pcmd.BYTES]);
  boolean pcmdMapped = true;

  PagingScene() {
    this(new PageCrypto(new Random(1)));
  }

  PagingScene(PageCrypto crypto) {
    this.crypto = crypto;
    page = initialised(MiscSelect.NONE);
    array.put(new VersionArray());
    byte[] content = new byte[2 * 4096];
    new Random(2).nextBytes(content);
    page.memory().segment().asSlice(TestEnclaves.DATA_OFFSET, 2 * 4096).copyFrom(MemorySegment.ofArray(content));
    rbx = PAGEINFO_AT;
    rcx = frame(TestEnclaves.DATA_OFFSET);
    rdx = array.address() + SLOT;
    secinfoAt = PCMD_AT;
  }

  long frame(long offset) {
    return Epc.address(page.elrange().firstFrame()) + offset;
  }

  static long number(long offset) {
    return offset / 4096;
  }

  TcsPage tcs() {
    return Objects.requireNonNull(page.threads().get(number(TestEnclaves.TCS_OFFSET)));
  }

  VersionArray versions() {
    return Objects.requireNonNull(array.versions());
  }

  int slot() {
    return (int) (rdx & 4095) / 8;
  }

  void busy(long address) {
    EpcPage target = Objects.requireNonNull(epc.resolve(address));
    assertThat(target.tryExclusive()).isTrue();
  }

  void shared(long address) {
    EpcPage target = Objects.requireNonNull(epc.resolve(address));
    assertThat(target.tryShared()).isTrue();
  }

  /** A thread that entered in the present epoch, on a TCS that no test evicts. */
  TcsPage enter() {
    TcsPage tcs = thread(page, TestEnclaves.SIZE - 4096, TestEnclaves.tcs(TestEnclaves.SSA_OFFSET).toBytes());
    tcs.lock();
    tcs.entersAt(page.tracking().epoch());
    tcs.activate();
    return tcs;
  }

  void type(PageType type) {
    page.pages().set(number(rcx - frame(0)), 1, entry(type, Permissions.NONE).bits());
  }

  Operands operands() {
    Operands result = new Operands();
    if (pageinfoMapped) {
      pageinfo.copyFrom(MemorySegment.ofArray(new Pageinfo(linAddr, srcPge, secinfoAt, pageinfoSecs).toBytes()));
      result.map(PAGEINFO_AT, pageinfo);
    }
    if (pcmdMapped) {
      result.map(PCMD_AT, pcmd);
    }
    if (sourceMapped) {
      result.map(SOURCE_AT, source);
    }
    return result;
  }

  Outcome eblock() {
    return Eblock.execute(epc, rcx);
  }

  Outcome etrack() {
    return Etrack.execute(epc, page.address());
  }

  Outcome ewb() {
    return Ewb.execute(epc, crypto, operands(), rbx, rcx, rdx);
  }

  Outcome eldu() {
    return eld(false, false);
  }

  Outcome eld(boolean blocked, boolean codes) {
    return new Eld(epc, crypto, operands(), blocked, codes).execute(rbx, rcx, rdx);
  }

  /** Takes the page at RCX out, and leaves the operands as ELDx needs them. */
  void evict() {
    if (epc.resolve(rcx) instanceof ElrangePage) {
      assertThat(eblock()).isEqualTo(Outcome.success());
      assertThat(etrack()).isEqualTo(Outcome.success());
    }
    assertThat(ewb()).isEqualTo(Outcome.success());
    linAddr = Pageinfo.read(pageinfo).linAddr();
    pageinfoSecs = page.address();
  }

  /** All pages of the enclave are removed, so that the SECS is alone. */
  void alone() {
    for (TcsPage tcs : page.threads().all()) {
      page.threads().remove(tcs.page);
    }
    page.pages().set(0, page.pages().pages(), 0);
  }
}
