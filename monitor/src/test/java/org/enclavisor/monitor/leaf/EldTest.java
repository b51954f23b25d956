package org.enclavisor.monitor.leaf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.epc.VersionArray;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** ELDB, ELDU, ELDBC and ELDUC. */
class EldTest {
  private static final long DATA = PagingScene.number(TestEnclaves.DATA_OFFSET);

  /** A page that has been evicted. */
  private static final class Scene extends PagingScene {
    final boolean blocked;
    final boolean codes;

    Scene(boolean blocked, boolean codes) {
      this.blocked = blocked;
      this.codes = codes;
      evict();
    }

    Outcome execute() {
      return eld(blocked, codes);
    }
  }

  /** How a conflict is answered, by the table of the leaf. */
  private interface Conflict {
    Checks<Scene> add(Checks<Scene> checks, String field, String name, Consumer<Scene> mutation);
  }

  private static Checks<Scene> checks(boolean blocked, boolean codes) {
    Conflict conflict =
        codes
            ? (c, field, name, m) -> c.error(field, name, m, SgxError.SGX_EPC_PAGE_CONFLICT, "another leaf")
            : (c, field, name, m) -> c.gp(field, name, m, "another leaf");
    Checks<Scene> c =
        new Checks<>(() -> new Scene(blocked, codes), Scene::execute)
            .gp("rbx", "PAGEINFO alignment", s -> s.rbx += 16, "PAGEINFO at")
            .gp("rcx", "alignment", s -> s.rcx += 8, "EPC page at")
            .gp("rcx", "not canonical", s -> s.rcx = 1L << 47, "not canonical")
            .pf("rcx", "not EPC", s -> s.rcx = 1L << 40, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
            .gp("rdx", "slot alignment", s -> s.rdx += 4, "version slot at")
            .pf("rdx", "slot not EPC", s -> s.rdx = 1L << 40, LeafScene.EPC_PF, s -> s.rdx, "not in the EPC")
            .pf("pageinfo", "PAGEINFO mapped", s -> s.pageinfoMapped = false, 0, s -> s.rbx, "PAGEINFO")
            .gp("pageinfo,pcmd", "PCMD alignment", s -> s.secinfoAt += 64, "PAGEINFO.PCMD")
            .gp("pageinfo,source", "SRCPGE alignment", s -> s.srcPge += 128, "PAGEINFO.SRCPGE");
    conflict.add(c, "rcx,epcm,lock", "conflict", s -> s.busy(s.rcx));
    conflict.add(c, "rcx,epcm,lock", "conflict with a reader", s -> s.shared(s.rcx));
    conflict.add(c, "rdx", "slot conflict", s -> s.busy(s.rdx));
    c.pf(
            "rcx,epcm", "valid", s -> LeafScene.regular(s.page, TestEnclaves.DATA_OFFSET, Permissions.RW),
            LeafScene.EPC_PF, s -> s.rcx, "valid already")
        .pf("rcx,rdx,secs", "a SECS", s -> s.rcx = s.page.address(), LeafScene.EPC_PF, s -> s.rcx, "valid already")
        .pf("rdx", "slot in an empty page", s -> s.rdx = s.epc.reserve().address(), LeafScene.EPC_PF, s -> s.rdx,
            "not in a version array")
        .pf("rdx,secs", "slot in a SECS", s -> s.rdx = s.page.address(), LeafScene.EPC_PF, s -> s.rdx,
            "not in a version array")
        .pf("rdx", "slot in an enclave", s -> s.rdx = s.frame(0), LeafScene.EPC_PF, s -> s.rdx,
            "not in a version array")
        .pf("pageinfo,pcmd", "PCMD mapped", s -> s.pcmdMapped = false, 0, s -> s.secinfoAt, "PCMD")
        .gp("pageinfo,secs", "SECS alignment", s -> s.pageinfoSecs += 64, "PAGEINFO.SECS")
        .pf("pageinfo,secs", "SECS not EPC", s -> s.pageinfoSecs = 1L << 40, LeafScene.EPC_PF, s -> s.pageinfoSecs,
            "not in the EPC");
    conflict.add(c, "pageinfo,secs", "SECS conflict", s -> s.busy(s.pageinfoSecs));
    return c.pf(
            "pageinfo,secs,rdx", "SECS a version array", s -> s.pageinfoSecs = s.array.address(), LeafScene.EPC_PF,
            s -> s.pageinfoSecs, "is not a SECS")
        .pf("pageinfo,secs", "SECS a page", s -> s.pageinfoSecs = s.frame(0), LeafScene.EPC_PF, s -> s.pageinfoSecs,
            "is not a SECS")
        .pf("pageinfo,source", "SRCPGE mapped", s -> s.sourceMapped = false, 0, s -> s.srcPge, "SRCPGE")
        .error("source", "page", s -> flip(s.source, 5), SgxError.SGX_MAC_COMPARE_FAIL, "not what was evicted")
        .error("pcmd", "MAC", s -> flip(s.pcmd, 8 * 112), SgxError.SGX_MAC_COMPARE_FAIL, "not what was evicted")
        .error("pageinfo", "LINADDR", s -> s.linAddr += 4096, SgxError.SGX_MAC_COMPARE_FAIL, "not what was evicted")
        .error("rdx", "another slot", s -> s.rdx += 8, SgxError.SGX_MAC_COMPARE_FAIL, "not what was evicted");
  }

  @TestFactory
  Stream<DynamicTest> checksOfEldb() {
    return checks(true, false).gp("rcx", "another frame", s -> s.rcx = s.frame(0x3000), "not available").tests();
  }

  @TestFactory
  Stream<DynamicTest> checksOfEldu() {
    return checks(false, false)
        .gp("rcx", "a loose frame", s -> s.rcx = s.epc.reserve().address(), "not available")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> checksOfEldbc() {
    return checks(true, true)
        .error("rcx", "another frame", s -> s.rcx = s.frame(0x3000), SgxError.SGX_EPC_PAGE_CONFLICT, "another leaf")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> checksOfElduc() {
    return checks(false, true).tests();
  }

  static void flip(MemorySegment bytes, long bit) {
    byte old = bytes.get(JAVA_BYTE, bit / 8);
    bytes.set(JAVA_BYTE, bit / 8, (byte) (old ^ 1 << bit % 8));
  }

  @Test
  void everythingOfAPageComesBack() {
    for (boolean blocked : new boolean[] {false, true}) {
      for (boolean codes : new boolean[] {false, true}) {
        for (int bits : entries()) {
          PagingScene s = new PagingScene();
          s.page.pages().set(DATA, 1, bits);
          MemorySegment memory = s.page.memory().segment().asSlice(TestEnclaves.DATA_OFFSET, 4096);
          byte[] before = memory.toArray(JAVA_BYTE);
          s.evict();
          assertThat(s.eld(blocked, codes).ok()).isTrue();
          assertThat(memory.toArray(JAVA_BYTE)).isEqualTo(before);
          assertThat(s.page.pages().bits(DATA)).isEqualTo(blocked ? EpcmEntry.block(bits) : bits);
          assertThat(s.page.pages().epoch(DATA)).isZero();
          assertThat(s.versions().get(s.slot())).as("slot").isZero();
          assertThat(s.page.pages().tryExclusive(DATA)).as("lock given back").isTrue();
          assertThat(s.array.tryExclusive()).as("lock given back").isTrue();
          assertThat(s.page.epcFrame().tryExclusive()).as("lock given back").isTrue();
        }
      }
    }
  }

  /** Every entry that a regular or trimmed page can have, but for BLOCKED. */
  private static List<Integer> entries() {
    List<Integer> result = new ArrayList<>();
    for (int flags = 0; flags < 64; flags++) {
      for (PageType type : new PageType[] {PageType.REG, PageType.TRIM}) {
        result.add(
            new EpcmEntry(
                    true, type, Permissions.of(flags), (flags & 8) != 0, (flags & 16) != 0, (flags & 32) != 0, false, 0)
                .bits());
      }
    }
    return result;
  }

  @Test
  void aPageThatCameBackBlockedIsTrackedAlready() {
    PagingScene s = new PagingScene();
    s.evict();
    assertThat(s.eld(true, false).ok()).isTrue();
    s.linAddr = 0;
    s.pageinfoSecs = 0;
    s.enter();
    assertThat(s.ewb().ok()).as("nobody can have translations of it").isTrue();
  }

  @Test
  void aPageOfZeroesCostsNothing() {
    PagingScene s = new PagingScene();
    s.page.memory().segment().asSlice(TestEnclaves.DATA_OFFSET, 4096).fill((byte) 0);
    s.evict();
    assertThat(s.eldu().ok()).isTrue();
    assertThat(Eadd.zero(s.page.memory().segment().asSlice(TestEnclaves.DATA_OFFSET, 4096))).isTrue();
  }

  @Test
  void everythingOfATcsComesBack() {
    for (boolean blocked : new boolean[] {false, true}) {
      PagingScene s = new PagingScene();
      s.rcx = s.frame(TestEnclaves.TCS_OFFSET);
      TcsPage before = s.tcs();
      before.flags(3);
      before.cssa = 2;
      before.aep = 0x1234_5678_9ABCL;
      s.evict();
      assertThat(s.eld(blocked, false).ok()).isTrue();
      TcsPage after = s.tcs();
      assertThat(after).isNotSameAs(before);
      assertThat(after.bytes()).isEqualTo(before.bytes());
      assertThat(after.page).isEqualTo(before.page);
      assertThat(after.address).isEqualTo(before.address);
      assertThat(after.state()).isEqualTo(TcsPage.INACTIVE);
      int bits = LeafScene.entry(PageType.TCS, Permissions.NONE).bits();
      assertThat(s.page.pages().bits(1)).isEqualTo(blocked ? EpcmEntry.block(bits) : bits);
      assertThat(Eadd.zero(s.page.memory().segment().asSlice(TestEnclaves.TCS_OFFSET, 4096))).isTrue();
    }
  }

  @Test
  void everythingOfASecsComesBack() {
    for (boolean blocked : new boolean[] {false, true}) {
      PagingScene s = new PagingScene();
      s.alone();
      s.page.initialise(
          s.page.secs().initialized(Digest32.ofHex("1a".repeat(32)), Digest32.ofHex("2b".repeat(32)), 77, 88),
          Id16.ofHex("3c".repeat(16)),
          Id16.ofHex("4d".repeat(16)));
      s.page.tracking().restore(17);
      s.page.virtualChildren().set(5);
      s.page.context().set(99);
      final Secs before = s.page.secs();
      s.rcx = s.page.address();
      s.evict();
      s.pageinfoSecs = 0;
      // What is in the object meanwhile does not count.
      s.page.initialise(before.initialized(Digest32.ZERO, Digest32.ZERO, 0, 0), Id16.ZERO, Id16.ZERO);
      s.page.tracking().restore(1);
      s.page.virtualChildren().set(0);
      LooseFrame to = s.epc.reserve();
      s.rcx = to.address();
      assertThat(s.eld(blocked, false)).isEqualTo(Outcome.success());
      assertThat(to.secs()).isSameAs(s.page);
      assertThat(s.page.address()).isEqualTo(to.address());
      assertThat(s.page.secs()).isEqualTo(before);
      assertThat(s.page.initialised()).isTrue();
      assertThat(s.page.isvFamilyId()).isEqualTo(Id16.ofHex("3c".repeat(16)));
      assertThat(s.page.isvExtProdId()).isEqualTo(Id16.ofHex("4d".repeat(16)));
      assertThat(s.page.tracking().epoch()).isEqualTo(17);
      assertThat(s.page.virtualChildren()).hasValue(5);
      assertThat(s.page.context()).as("by the manual, the address").hasValue(to.address());
      assertThat(EpcmEntry.blocked(to.bits())).as("a SECS is never blocked").isFalse();
      assertThat(s.epc.hasEvicted(s.page.eid())).isFalse();
    }
  }

  @Test
  void anEnclaveUnderConstructionGoesOn() {
    PagingScene s = new PagingScene();
    SecsPage fresh = s.create(LeafScene.secs(MiscSelect.NONE));
    Digest32 measured = fresh.measurement().mrEnclave();
    s.rcx = fresh.address();
    s.evict();
    s.pageinfoSecs = 0;
    s.rcx = s.epc.reserve().address();
    assertThat(s.eldu().ok()).isTrue();
    assertThat(fresh.initialised()).isFalse();
    assertThat(fresh.measurement().mrEnclave()).isEqualTo(measured);
    assertThat(fresh.address()).isEqualTo(s.rcx);
  }

  @Test
  void aVersionArrayComesBackAndItsPagesToo() {
    PagingScene s = new PagingScene();
    s.evict();
    byte[] page = s.source.toArray(JAVA_BYTE);
    byte[] pcmd = s.pcmd.toArray(JAVA_BYTE);
    LooseFrame other = s.epc.reserve();
    other.put(new VersionArray());
    s.linAddr = 0;
    s.pageinfoSecs = 0;
    s.rcx = s.array.address();
    s.rdx = other.address() + 4088;
    assertThat(s.ewb().ok()).isTrue();
    LooseFrame to = s.epc.reserve();
    s.rcx = to.address();
    assertThat(s.eld(true, false).ok()).isTrue();
    assertThat(EpcmEntry.blocked(to.bits())).as("a version array is never blocked").isFalse();
    s.rcx = s.frame(TestEnclaves.DATA_OFFSET);
    s.rdx = to.address() + PagingScene.SLOT;
    s.linAddr = LeafScene.BASE + TestEnclaves.DATA_OFFSET;
    s.pageinfoSecs = s.page.address();
    LeafScene.fill(s.source, page);
    LeafScene.fill(s.pcmd, pcmd);
    assertThat(s.eldu()).isEqualTo(Outcome.success());
  }

  @Test
  void anEnclaveThatIsGone() {
    PagingScene s = new PagingScene();
    s.alone();
    s.rcx = s.page.address();
    s.evict();
    s.epc.reload(s.page.eid());
    assertThat(s.eldu().reason()).contains("was removed");
    assertThat(s.versions().get(s.slot())).as("version").isPositive();
  }

  @Test
  void aRandomLife() {
    Random random = new Random(5);
    PagingScene s = new PagingScene();
    MemorySegment memory = s.page.memory().segment();
    for (int i = 0; i < 200; i++) {
      byte[] content = new byte[4096];
      random.nextBytes(content);
      LeafScene.fill(memory.asSlice(TestEnclaves.DATA_OFFSET, 4096), content);
      s.linAddr = 0;
      s.pageinfoSecs = 0;
      s.rdx = s.array.address() + 8L * random.nextInt(VersionArray.SLOTS);
      s.evict();
      assertThat(s.eld(random.nextBoolean(), random.nextBoolean()).ok()).isTrue();
      assertThat(memory.asSlice(TestEnclaves.DATA_OFFSET, 4096).toArray(JAVA_BYTE))
          .isEqualTo(content);
      s.page.pages().set(DATA, 1, LeafScene.entry(PageType.REG, Permissions.RW).bits());
    }
  }
}
