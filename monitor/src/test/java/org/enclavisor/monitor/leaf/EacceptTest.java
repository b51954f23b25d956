package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Tcs;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EacceptTest {
  private static final long SECINFO = TestEnclaves.DATA_OFFSET + 0x40;
  private static final long PAGE = 0xD000;
  private static final EpcmEntry AUGMENTED = new EpcmEntry(true, PageType.REG, Permissions.RW, true, false, false,
      false, 0);
  private static final EpcmEntry RESTRICTED = new EpcmEntry(true, PageType.REG, Permissions.R, false, false, true,
      false, 0);
  private static final EpcmEntry NEW_TCS = LeafScene.modified(PageType.TCS, Permissions.NONE);
  private static final EpcmEntry TRIMMED = LeafScene.modified(PageType.TRIM, Permissions.NONE);

  /** A page that waits, stamped with the first epoch, and a SECINFO that says so; nobody has been inside since. */
  private static final class Scene extends LeafScene {
    final SecsPage page;
    final MemorySegment memory;

    Scene(EpcmEntry entry) {
      this(entry, secs(MiscSelect.NONE));
    }

    Scene(EpcmEntry entry, Secs secs) {
      page = initialised(secs);
      memory = page.memory().segment();
      rbx = BASE + SECINFO;
      rcx = BASE + PAGE;
      page.pages().stamp(PAGE / 4096, entry.bits(), 1);
      page.tracking().advance();
      entry.secinfo().write(secinfo());
      if (entry.type() == PageType.TCS) {
        fill(memory.asSlice(PAGE, 4096), TestEnclaves.tcs(TestEnclaves.SSA_OFFSET).toBytes());
      }
    }

    MemorySegment secinfo() {
      return memory.asSlice(SECINFO, Secinfo.BYTES);
    }

    MemorySegment content() {
      return memory.asSlice(PAGE, 4096);
    }

    int entry() {
      return page.pages().bits(PAGE / 4096);
    }

    TcsPage thread() {
      TcsPage tcs = page.threads().get(TestEnclaves.TCS_OFFSET / 4096);
      assertThat(tcs).isNotNull();
      return tcs;
    }

    /** A thread is inside that entered at an epoch. */
    void inside(long epoch) {
      thread().lock();
      thread().entersAt(epoch);
      thread().activate();
    }

    Outcome execute() {
      return Eaccept.execute(page, rbx, rcx);
    }
  }

  private static Checks<Scene> common(Supplier<Scene> scene) {
    Checks<Scene> checks = new Checks<>(scene, Scene::execute);
    new OperandChecks<Scene>(checks, "SECINFO", SECINFO, false, s -> s.page, (s, a) -> s.rbx = a, s -> s.rbx).all(8);
    checks
        .gp("secinfo", "reserved flag", s -> LeafScene.u8(s.secinfo(), 2, 1), "reserved bits")
        .gp("secinfo", "reserved type", s -> LeafScene.u8(s.secinfo(), 1, 7), "reserved bits")
        .gp("reserved", "reserved byte", s -> LeafScene.u8(s.secinfo(), 63, 1), "reserved bits");
    new OperandChecks<Scene>(checks, "the page", PAGE, false, s -> s.page, (s, a) -> s.rcx = a, s -> s.rcx)
        .misaligned(64)
        .outside()
        .unmapped();
    for (PageType type : new PageType[] {PageType.SECS, PageType.VA, PageType.SS_FIRST, PageType.SS_REST}) {
      checks.gp("secinfo", "SECINFO " + type, s -> LeafScene.u8(s.secinfo(), 1, type.code()), "nothing of that kind");
    }
    return checks;
  }

  private static Checks<Scene> target(Checks<Scene> checks) {
    checks
        .pf("the page", "invalid", s -> epcm(s, LeafScene.invalid()), LeafScene.USER_READ, s -> s.rcx, "not valid")
        .pf(
            "the page",
            "blocked",
            s -> epcm(s, LeafScene.blocked(PageType.REG, Permissions.RW)),
            LeafScene.USER_READ,
            s -> s.rcx,
            "blocked");
    for (PageType type : new PageType[] {PageType.SS_FIRST, PageType.SS_REST}) {
      checks.pf(
          "the page",
          "a page " + type,
          s -> epcm(s, LeafScene.entry(type, Permissions.RW)),
          LeafScene.USER_READ,
          s -> s.rcx,
          "wrong type");
    }
    return checks
        .gp("the page", "page in use", s -> s.page.pages().tryExclusive(PAGE / 4096), "another leaf")
        .gp("the page", "page being modified", s -> s.page.pages().tryModify(PAGE / 4096), "another leaf");
  }

  private static void epcm(Scene s, EpcmEntry entry) {
    LeafScene.epcm(s.page, PAGE, entry);
  }

  private static Checks<Scene> mismatch(Checks<Scene> checks, EpcmEntry found) {
    return checks.error(
        "the page", "the page is " + found, s -> epcm(s, found), SgxError.SGX_PAGE_ATTRIBUTES_MISMATCH, "the page is");
  }

  private static Checks<Scene> tracked(Checks<Scene> checks) {
    return checks
        .error("tracking", "a thread from then", s -> s.inside(1), SgxError.SGX_NOT_TRACKED, "may still use")
        .error(
            "tracking",
            "no ETRACK",
            s -> s.page.pages().stamp(PAGE / 4096, s.entry(), 2),
            SgxError.SGX_NOT_TRACKED,
            "may still use");
  }

  @TestFactory
  Stream<DynamicTest> checksOfAugmentedPages() {
    Checks<Scene> checks = common(() -> new Scene(AUGMENTED));
    // R W PENDING | type REG
    checks
        .gp("secinfo", "neither PR nor PENDING", s -> LeafScene.u8(s.secinfo(), 0, 3), "nothing of that kind")
        .gp("secinfo", "PENDING and MODIFIED", s -> LeafScene.u8(s.secinfo(), 0, 3 | 8 | 16), "nothing of that kind")
        .gp("secinfo", "a TCS that is pending", s -> LeafScene.u8(s.secinfo(), 1, 1), "nothing of that kind");
    target(checks);
    mismatch(checks, LeafScene.entry(PageType.REG, Permissions.RW));
    mismatch(checks, LeafScene.pending(PageType.REG, Permissions.R));
    mismatch(checks, LeafScene.pending(PageType.REG, Permissions.RWX));
    mismatch(checks, LeafScene.pending(PageType.TCS, Permissions.RW));
    mismatch(checks, new EpcmEntry(true, PageType.REG, Permissions.RW, true, true, false, false, 0));
    return checks.tests();
  }

  @TestFactory
  Stream<DynamicTest> checksOfRestrictedPages() {
    Checks<Scene> checks = target(common(() -> new Scene(RESTRICTED)));
    mismatch(checks, LeafScene.entry(PageType.REG, Permissions.RW));
    mismatch(checks, LeafScene.entry(PageType.REG, Permissions.NONE));
    mismatch(checks, LeafScene.pending(PageType.REG, Permissions.R));
    mismatch(checks, LeafScene.modified(PageType.REG, Permissions.R));
    return tracked(checks).tests();
  }

  @TestFactory
  Stream<DynamicTest> checksOfTrimmedPages() {
    Checks<Scene> checks = common(() -> new Scene(TRIMMED));
    checks
        .gp("secinfo", "TRIM and PR", s -> LeafScene.u8(s.secinfo(), 0, 16 | 32), "nothing of that kind")
        .gp("secinfo", "TRIM and PENDING", s -> LeafScene.u8(s.secinfo(), 0, 16 | 8), "nothing of that kind")
        .gp("secinfo", "TRIM without MODIFIED", s -> LeafScene.u8(s.secinfo(), 0, 0), "nothing of that kind");
    target(checks);
    mismatch(checks, LeafScene.entry(PageType.TRIM, Permissions.NONE));
    mismatch(checks, LeafScene.modified(PageType.TCS, Permissions.NONE));
    return tracked(checks).tests();
  }

  @TestFactory
  Stream<DynamicTest> checksOfNewThreads() {
    Checks<Scene> checks = target(common(() -> new Scene(NEW_TCS)));
    mismatch(checks, LeafScene.modified(PageType.TRIM, Permissions.NONE));
    return tracked(checks)
        .gp("r1", "first reserved byte", s -> LeafScene.u8(s.content(), 72, 1), "reserved")
        .gp("r2", "last reserved byte", s -> LeafScene.u8(s.content(), 4095, 1), "reserved")
        .gp("flags", "DBGOPTIN", s -> LeafScene.u64(s.content(), 8, Tcs.DBGOPTIN), "DBGOPTIN")
        .gp("cssa", "CSSA", s -> LeafScene.u32(s.content(), 24, 3), "CSSA=3")
        .gp("nssa", "NSSA", s -> LeafScene.u32(s.content(), 28, 0), "NSSA=0")
        .gp("aep", "AEP", s -> LeafScene.u64(s.content(), 40, 1), "AEP=0x1")
        .gp("state", "STATE", s -> LeafScene.u64(s.content(), 0, 1), "STATE=0x1")
        .tests();
  }

  @Test
  void segmentLimitsOf32BitEnclaves() {
    for (long offset : new long[] {64, 68}) {
      Scene s = new Scene(NEW_TCS, LeafScene.secs(MiscSelect.NONE).withAttributes(new Attributes(0, 3)));
      LeafScene.u32(s.content(), offset, 0x1FFE);
      assertThat(Checks.describe(s.execute())).isEqualTo("#GP(0)");
      LeafScene.u32(s.content(), offset, 0x1FFF);
      assertThat(s.execute().ok()).isTrue();
      Scene wide = new Scene(NEW_TCS);
      LeafScene.u32(wide.content(), offset, 0);
      assertThat(wide.execute().ok()).as("in 64-bit mode they mean nothing").isTrue();
    }
  }

  @Test
  void augmentedPagesNeedNoTracking() {
    Scene s = new Scene(AUGMENTED);
    s.inside(1);
    assertThat(s.execute().ok()).isTrue();
    assertThat(s.entry()).isEqualTo(LeafScene.entry(PageType.REG, Permissions.RW).bits());
    assertThat(Checks.describe(s.execute())).as("again").isEqualTo("SGX_PAGE_ATTRIBUTES_MISMATCH");
  }

  @Test
  void restrictedPagesStayRestricted() {
    Scene s = new Scene(RESTRICTED);
    s.inside(2);
    assertThat(s.execute().ok()).isTrue();
    assertThat(s.entry()).isEqualTo(LeafScene.entry(PageType.REG, Permissions.R).bits());
    assertThat(s.translations.calls).contains("flush");
  }

  @Test
  void prIsNotCompared() {
    Scene s = new Scene(LeafScene.entry(PageType.REG, Permissions.R));
    RESTRICTED.secinfo().write(s.secinfo());
    assertThat(s.execute().ok()).isTrue();
  }

  @Test
  void aNewThreadIsOutOfTheEnclavesReach() {
    Scene s = new Scene(NEW_TCS);
    assertThat(s.execute().ok()).isTrue();
    assertThat(s.entry()).isEqualTo(LeafScene.entry(PageType.TCS, Permissions.NONE).bits());
    TcsPage tcs = s.page.thread(LeafScene.BASE + PAGE);
    assertThat(tcs).isNotNull();
    assertThat(tcs.bytes()).isEqualTo(TestEnclaves.tcs(TestEnclaves.SSA_OFFSET).toBytes());
    assertThat(s.content().mismatch(MemorySegment.ofArray(new byte[4096]))).as("its bytes are gone").isEqualTo(-1);
    assertThat(s.translations.calls).containsSubsequence("revoke 13", "discard 13");
    assertThat(Eenter.check(s.cpu, s.page, tcs, tcs.address, EntryScene.AEP)).as("EENTER").isNull();
  }

  @Test
  void aRefusedThreadKeepsItsBytes() {
    Scene s = new Scene(NEW_TCS);
    LeafScene.u64(s.content(), 40, 1);
    assertThat(s.execute().ok()).isFalse();
    assertThat(s.entry()).isEqualTo(NEW_TCS.bits());
    assertThat(s.page.thread(LeafScene.BASE + PAGE)).isNull();
    LeafScene.u64(s.content(), 40, 0);
    assertThat(s.execute().ok()).isTrue();
  }

  @Test
  void aTrimmedThreadIsForgotten() {
    Scene s = new Scene(TRIMMED);
    LeafScene.thread(s.page, PAGE, TestEnclaves.tcs(TestEnclaves.SSA_OFFSET).toBytes());
    epcm(s, TRIMMED);
    assertThat(s.execute().ok()).isTrue();
    assertThat(s.entry()).isEqualTo(LeafScene.entry(PageType.TRIM, Permissions.NONE).bits());
    assertThat(s.page.thread(LeafScene.BASE + PAGE)).isNull();
  }

  @Test
  void locksAreGivenBack() {
    Scene s = new Scene(AUGMENTED);
    assertThat(s.execute().ok()).isTrue();
    assertThat(s.page.pages().tryExclusive(PAGE / 4096)).isTrue();
    assertThat(s.page.pages().tryModify(PAGE / 4096)).isTrue();
  }

  /** A shoot-down has a thread count as having entered anew; its TCS is its own all the same. */
  @Test
  void aTcsWithAThreadInsideIsNotTrimmed() {
    Scene s = new Scene(TRIMMED);
    TcsPage tcs = s.thread();
    long page = tcs.page;
    s.page.pages().stamp(page, TRIMMED.bits(), 1);
    s.rcx = tcs.address;
    s.inside(s.page.tracking().epoch());
    assertThat(s.page.tracking().tracked(s.page.pages().epoch(page))).isTrue();
    assertThat(Checks.describe(s.execute())).startsWith("SGX_NOT_TRACKED");
    assertThat(s.page.threads().get(page)).isSameAs(tcs);
    tcs.leave();
    assertThat(s.execute().ok()).isTrue();
    assertThat(s.page.threads().get(page)).isNull();
    assertThat(tcs.lock()).as("whoever has found it before does not get in").isNotEqualTo(TcsPage.INACTIVE);
  }
}
