package org.enclavisor.monitor.leaf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Pcmd;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.epc.VersionArray;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EwbTest {
  private static final long DATA = PagingScene.number(TestEnclaves.DATA_OFFSET);

  /** A page that is blocked and tracked. */
  private static final class Scene extends PagingScene {
    Scene() {
      assertThat(eblock().ok()).isTrue();
      assertThat(etrack().ok()).isTrue();
    }

    /** Blocked, but a thread that came before is inside. */
    void untracked() {
      TcsPage tcs = enter();
      tcs.entersAt(page.pages().epoch(DATA));
    }
  }

  private static Checks<Scene> common(Checks<Scene> checks) {
    return checks
        .gp("rbx", "PAGEINFO alignment", s -> s.rbx += 16, "PAGEINFO at")
        .gp("rcx", "alignment", s -> s.rcx += 8, "EPC page at")
        .gp("rcx", "not canonical", s -> s.rcx = 1L << 47, "not canonical")
        .pf("rcx", "not EPC", s -> s.rcx = 1L << 40, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
        .gp("rdx", "slot alignment", s -> s.rdx += 4, "version slot at")
        .pf("rdx", "slot not EPC", s -> s.rdx = 1L << 40, LeafScene.EPC_PF, s -> s.rdx, "not in the EPC")
        .gp("rdx,rcx,epcm", "slot in the page itself", s -> s.rdx = s.rcx + 8, "in the same page")
        .pf(
            "pageinfo", "PAGEINFO mapped", s -> s.pageinfoMapped = false, Outcome.Fault.WRITE, s -> s.rbx, "PAGEINFO")
        .gp("pageinfo,linaddr", "LINADDR", s -> s.linAddr = 4096, "PAGEINFO.LINADDR")
        .gp("pageinfo,secs", "SECS", s -> s.pageinfoSecs = 4096, "PAGEINFO.LINADDR")
        .gp("pageinfo,pcmd", "PCMD alignment", s -> s.secinfoAt += 64, "PAGEINFO.PCMD")
        .gp("pageinfo,source", "SRCPGE alignment", s -> s.srcPge += 128, "PAGEINFO.SRCPGE")
        .gp("rcx,epcm,lock", "conflict", s -> s.busy(s.rcx), "another leaf")
        .gp("rcx,epcm,lock", "conflict with a reader", s -> s.shared(s.rcx), "another leaf")
        .gp("rdx", "slot conflict", s -> s.busy(s.rdx), "another leaf")
        .pf(
            "rcx,epcm", "invalid", s -> s.page.pages().set(PagingScene.number(s.rcx - s.frame(0)), 1, 0),
            LeafScene.EPC_PF, s -> s.rcx, "is not valid")
        .pf("rdx", "slot in an empty page", s -> s.rdx = s.epc.reserve().address(), LeafScene.EPC_PF, s -> s.rdx,
            "not in a version array")
        .pf("rdx", "slot in a SECS", s -> s.rdx = s.page.address(), LeafScene.EPC_PF, s -> s.rdx,
            "not in a version array")
        .pf("rdx", "slot in an enclave", s -> s.rdx = s.frame(0), LeafScene.EPC_PF, s -> s.rdx,
            "not in a version array");
  }

  private static Checks<Scene> outputs(Checks<Scene> checks) {
    return checks
        .pf("pageinfo,source", "SRCPGE mapped", s -> s.sourceMapped = false, Outcome.Fault.WRITE, s -> s.srcPge,
            "SRCPGE")
        .pf("pageinfo,pcmd", "PCMD mapped", s -> s.pcmdMapped = false, Outcome.Fault.WRITE, s -> s.secinfoAt, "PCMD");
  }

  @TestFactory
  Stream<DynamicTest> checksOfPages() {
    return outputs(
            common(new Checks<>(Scene::new, Scene::ewb))
                .error(
                    "rcx,epcm",
                    "not blocked",
                    s -> LeafScene.epcm(s.page, TestEnclaves.DATA_OFFSET, LeafScene.entry(PageType.REG, Permissions.RW)),
                    SgxError.SGX_PAGE_NOT_BLOCKED,
                    "not blocked")
                .error(
                    "", "no ETRACK", s -> s.page.tracking().restore(1), SgxError.SGX_NOT_TRACKED, "translations of")
                .error("", "a thread inside", Scene::untracked, SgxError.SGX_NOT_TRACKED, "translations of"))
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> checksOfTheSecs() {
    return new Checks<>(
            () -> {
              Scene s = new Scene();
              s.alone();
              s.rcx = s.page.address();
              return s;
            },
            Scene::ewb)
        .error(
            "", "children", s -> LeafScene.regular(s.page, 0, Permissions.R), SgxError.SGX_CHILD_PRESENT, "1 pages")
        .tests();
  }

  @Test
  void aRegularPage() {
    Scene s = new Scene();
    MemorySegment memory = s.page.memory().segment();
    MemorySegment before = MemorySegment.ofArray(new byte[4096]);
    before.copyFrom(memory.asSlice(TestEnclaves.DATA_OFFSET, 4096));
    long pages = s.page.pages().validCount();
    s.translations.calls.clear();
    assertThat(s.ewb()).isEqualTo(Outcome.success());
    assertThat(s.source.mismatch(before)).as("encrypted").isNotNegative();
    Pcmd pcmd = Pcmd.read(s.pcmd);
    assertThat(pcmd.secinfo()).isEqualTo(Secinfo.reg(Permissions.RW));
    assertThat(pcmd.enclaveId()).isEqualTo(s.page.eid());
    assertThat(pcmd.mac().isZero()).isFalse();
    assertThat(Pageinfo.read(s.pageinfo).linAddr()).isEqualTo(LeafScene.BASE + TestEnclaves.DATA_OFFSET);
    assertThat(s.versions().get(s.slot())).isPositive();
    assertThat(s.page.pages().bits(DATA)).isZero();
    assertThat(s.page.pages().validCount()).isEqualTo(pages - 1);
    assertThat(Eadd.zero(memory.asSlice(TestEnclaves.DATA_OFFSET, 4096))).as("nothing left").isTrue();
    assertThat(s.translations.calls).containsExactly("revoke " + DATA, "empty " + DATA);
    assertThat(s.page.pages().tryExclusive(DATA)).as("lock given back").isTrue();
    assertThat(s.array.tryExclusive()).as("lock given back").isTrue();
  }

  @Test
  void whatPcmdTellsOfAPage() {
    Scene s = new Scene();
    int bits = LeafScene.pending(PageType.REG, Permissions.RX).bits() | LeafScene.modified(
        PageType.TRIM, Permissions.NONE).bits();
    s.page.pages().set(DATA, 1, bits | LeafScene.blocked(PageType.REG, Permissions.NONE).bits() | 1 << 9);
    assertThat(s.ewb().ok()).isTrue();
    Secinfo secinfo = Pcmd.read(s.pcmd).secinfo();
    assertThat(secinfo.pending()).isTrue();
    assertThat(secinfo.modified()).isTrue();
    assertThat(secinfo.pr()).isTrue();
    assertThat(secinfo.permissions()).isEqualTo(Permissions.RX);
  }

  @Test
  void anOccupiedSlotIsOverwritten() {
    Scene s = new Scene();
    s.versions().exchange(s.slot(), 1 << 20);
    assertThat(Checks.describe(s.ewb())).isEqualTo("SGX_VA_SLOT_OCCUPIED, CF");
    assertThat(s.page.pages().bits(DATA)).as("evicted all the same").isZero();
    s.linAddr = LeafScene.BASE + TestEnclaves.DATA_OFFSET;
    s.pageinfoSecs = s.page.address();
    assertThat(s.eldu().ok()).isTrue();
  }

  @Test
  void noVersionTwice() {
    PagingScene s = new PagingScene();
    long last = 0;
    for (int i = 0; i < 100; i++) {
      s.linAddr = 0;
      s.pageinfoSecs = 0;
      s.evict();
      long version = s.versions().get(s.slot());
      assertThat(version).isGreaterThan(last);
      assertThat(version & 7).isZero();
      last = version;
      assertThat(s.eldu().ok()).isTrue();
    }
  }

  @Test
  void refusalsWriteNothing() {
    Scene s = new Scene();
    s.page.tracking().restore(1);
    assertThat(s.ewb().ok()).isFalse();
    assertThat(Eadd.zero(s.source)).isTrue();
    assertThat(s.pcmd.toArray(JAVA_BYTE)).containsOnly(0);
    assertThat(Pageinfo.read(s.pageinfo).linAddr()).isZero();
    assertThat(s.versions().get(s.slot())).isZero();
  }

  @Test
  void theSecsWaitsInTheEpc() {
    Scene s = new Scene();
    s.alone();
    s.page.virtualChildren().set(3); // Counts in virtual machines only.
    s.rcx = s.page.address();
    LooseFrame frame = s.page.epcFrame();
    assertThat(s.ewb().ok()).isTrue();
    assertThat(frame.empty()).isTrue();
    assertThat(s.epc.hasEvicted(s.page.eid())).isTrue();
    Pcmd pcmd = Pcmd.read(s.pcmd);
    assertThat(pcmd.enclaveId()).isEqualTo(s.page.eid());
    assertThat(pcmd.secinfo()).isEqualTo(new Secinfo(PageType.SECS, Permissions.NONE));
    assertThat(Pageinfo.read(s.pageinfo).linAddr()).isZero();
  }

  @Test
  void aVersionArray() {
    Scene s = new Scene();
    LooseFrame other = s.epc.reserve();
    other.put(new VersionArray());
    s.rcx = other.address();
    assertThat(s.ewb().ok()).isTrue();
    assertThat(other.empty()).isTrue();
    Pcmd pcmd = Pcmd.read(s.pcmd);
    assertThat(pcmd.enclaveId()).isZero();
    assertThat(pcmd.secinfo()).isEqualTo(new Secinfo(PageType.VA, Permissions.NONE));
  }

  @Test
  void aThreadTakesItsTcsAlong() {
    PagingScene s = new PagingScene();
    s.rcx = s.frame(TestEnclaves.TCS_OFFSET);
    s.evict();
    assertThat(s.page.threads().get(1)).isNull();
    assertThat(s.page.threads().all()).isEmpty();
    assertThat(Pcmd.read(s.pcmd).secinfo()).isEqualTo(Secinfo.tcs());
  }

  /** A shoot-down has a thread count as having entered anew; its TCS is its own all the same. */
  @Test
  void aTcsWithAThreadInsideStays() {
    PagingScene s = new PagingScene();
    TcsPage tcs = s.tcs();
    tcs.lock();
    tcs.entersAt(s.page.tracking().epoch());
    tcs.activate();
    s.rcx = s.frame(TestEnclaves.TCS_OFFSET);
    assertThat(s.eblock().ok()).isTrue();
    assertThat(s.etrack().ok()).isTrue();
    tcs.entersAnew(s.page.tracking().epoch());
    assertThat(s.page.tracking().tracked(s.page.pages().epoch(tcs.page))).isTrue();
    assertThat(Checks.describe(s.ewb())).startsWith("SGX_NOT_TRACKED");
    assertThat(s.page.threads().get(tcs.page)).isSameAs(tcs);
    tcs.leave();
    assertThat(s.ewb()).isEqualTo(Outcome.success());
    assertThat(tcs.lock()).as("whoever has found it before does not get in").isNotEqualTo(TcsPage.INACTIVE);
  }
}
