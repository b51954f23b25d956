package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EmodtTest {
  private static final long PAGE = 0xD;
  private static final long TCS = TestEnclaves.TCS_OFFSET / 4096;

  /** A page that is to be trimmed, in epoch 3. */
  private static final class Scene extends LeafScene {
    SecsPage page = initialised(MiscSelect.NONE);

    Scene() {
      this(PageType.TRIM);
    }

    Scene(PageType to) {
      at(page);
      rbx = SECINFO_AT;
      new Secinfo(to, Permissions.NONE).write(secinfo);
    }

    void at(SecsPage enclave) {
      page = enclave;
      rcx = Epc.address(page.elrange().firstFrame() + PAGE);
      regular(page, PAGE * 4096, Permissions.RWX);
      page.tracking().restore(3);
    }

    void atThread() {
      rcx = Epc.address(page.elrange().firstFrame() + TCS);
    }

    TcsPage tcs() {
      TcsPage tcs = page.threads().get(TCS);
      assertThat(tcs).isNotNull();
      return tcs;
    }

    Outcome execute() {
      return Emodt.execute(epc, map(), rbx, rcx);
    }
  }

  private static void epcm(Scene s, EpcmEntry entry) {
    LeafScene.epcm(s.page, PAGE * 4096, entry);
  }

  private static Checks<Scene> checks(PageType to) {
    Checks<Scene> checks =
        new Checks<>(() -> new Scene(to), Scene::execute)
            .gp("rbx", "SECINFO alignment", s -> s.rbx += 32, "SECINFO at")
            .gp("rcx", "EPC page alignment", s -> s.rcx += 64, "EPC page at")
            .pf("rcx", "not EPC", s -> s.rcx = 1L << 40, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
            .pf("map", "SECINFO mapped", s -> s.secinfoMapped = false, 0, s -> s.rbx, "SECINFO")
            .gp("secinfo", "reserved flags", s -> LeafScene.u8(s.secinfo, 2, 1), "reserved bits")
            .gp("reserved", "reserved bytes", s -> LeafScene.u8(s.secinfo, 8, 1), "reserved bits");
    for (PageType type : PageType.values()) {
      if (type != PageType.TCS && type != PageType.TRIM) {
        checks.gp("secinfo", "to " + type, s -> LeafScene.u8(s.secinfo, 1, type.code()), "expected PT_TCS or PT_TRIM");
      }
    }
    checks
        .error("lock", "page in use", s -> s.page.pages().tryShared(PAGE), SgxError.SGX_EPC_PAGE_CONFLICT, "works on")
        .pf("epcm", "not valid", s -> epcm(s, LeafScene.invalid()), LeafScene.EPC_PF, s -> s.rcx, "not valid")
        .pf(
            "rcx,lock,epcm,modify,enclave",
            "a SECS",
            s -> s.rcx = s.page.address(),
            LeafScene.EPC_PF,
            s -> s.rcx,
            "of a type")
        .error(
            "modify",
            "another leaf modifies",
            s -> s.page.pages().tryModify(PAGE),
            SgxError.SGX_EPC_PAGE_CONFLICT,
            "modifies")
        .pf(
            "epcm",
            "trimmed",
            s -> epcm(s, LeafScene.modified(PageType.TRIM, Permissions.NONE)),
            LeafScene.EPC_PF,
            s -> s.rcx,
            "of a type");
    if (to == PageType.TCS) {
      checks.pf(
          "rcx,lock,epcm,modify,enclave", "a TCS", Scene::atThread, LeafScene.EPC_PF, s -> s.rcx, "of a type");
    }
    return checks
        .error(
            "epcm",
            "pending",
            s -> epcm(s, LeafScene.pending(PageType.REG, Permissions.RW)),
            SgxError.SGX_PAGE_NOT_MODIFIABLE,
            "pending")
        .error(
            "epcm",
            "modified",
            s -> epcm(s, LeafScene.modified(PageType.REG, Permissions.RW)),
            SgxError.SGX_PAGE_NOT_MODIFIABLE,
            "modified")
        .gp(
            "rcx,lock,epcm,modify",
            "not initialised",
            s -> s.at(s.create(LeafScene.secs(MiscSelect.NONE))),
            "not initialised");
  }

  @TestFactory
  Stream<DynamicTest> checksOfTrimming() {
    return checks(PageType.TRIM).tests();
  }

  @TestFactory
  Stream<DynamicTest> checksOfMakingAThread() {
    return checks(PageType.TCS).tests();
  }

  @Test
  void nobodyCanUseThePageUntilItIsAccepted() {
    for (PageType to : new PageType[] {PageType.TCS, PageType.TRIM}) {
      Scene s = new Scene(to);
      LeafScene.u8(s.secinfo, 0, 7);
      epcm(s, new EpcmEntry(true, PageType.REG, Permissions.RWX, false, false, true, true, 0));
      assertThat(s.execute().ok()).isTrue();
      assertThat(s.page.pages().entry(PAGE, 0))
          .isEqualTo(new EpcmEntry(true, to, Permissions.NONE, false, true, false, true, PAGE * 4096));
      assertThat(s.page.pages().epoch(PAGE)).isEqualTo(3);
      assertThat(s.translations.calls).containsExactly("shrunk 13");
      assertThat(s.page.pages().tryExclusive(PAGE)).as("locks are given back").isTrue();
      assertThat(s.page.pages().tryModify(PAGE)).isTrue();
    }
  }

  @Test
  void aThreadInsideGoesOnAfterItsTcsIsTrimmed() {
    Scene s = new Scene();
    s.atThread();
    TcsPage tcs = s.tcs();
    tcs.lock();
    tcs.entersAt(3);
    tcs.activate();
    assertThat(s.execute().ok()).isTrue();
    assertThat(tcs.state()).isEqualTo(TcsPage.ACTIVE);
    s.page.tracking().advance();
    assertThat(s.page.tracking().tracked(3)).as("while it is inside").isFalse();
    tcs.leave();
    assertThat(s.page.tracking().tracked(3)).isTrue();
    assertThat(Eenter.check(s.cpu, s.page, tcs, tcs.address, 0)).as("nobody enters any more").isNotNull();
    assertThat(tcs.state()).isEqualTo(TcsPage.INACTIVE);
  }

  @Test
  void aTcsThatNobodyUsesIsUnlockedAgain() {
    Scene s = new Scene();
    s.atThread();
    assertThat(s.execute().ok()).isTrue();
    assertThat(s.tcs().state()).isEqualTo(TcsPage.INACTIVE);
  }

  @Test
  void aThreadOnItsWayInIsAConflict() {
    Scene s = new Scene();
    s.atThread();
    s.tcs().lock();
    assertThat(Checks.describe(s.execute())).isEqualTo("SGX_EPC_PAGE_CONFLICT");
  }
}
