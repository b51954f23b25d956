package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.Stream;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secs;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EenterTest {
  private static final long TCS = TestEnclaves.TCS_OFFSET;
  private static final long SSA = TestEnclaves.SSA_OFFSET;
  private static final long SSA_ADDRESS = LeafScene.BASE + SSA;
  private static final long GPR_ADDRESS = SSA_ADDRESS + EntryScene.GPR;

  /** What EENTER and ERESUME ask first, in the same order but for the type of the page. */
  static Checks<EntryScene> operands(Checks<EntryScene> checks) {
    return checks
        .gp("rbx", "TCS alignment", s -> s.rbx += 256, "TCS at")
        .pf("rbx", "TCS outside", s -> s.rbx = LeafScene.BASE - 4096, LeafScene.USER_READ, s -> s.rbx, "not in the EPC")
        .gp("rcx", "AEP canonical", s -> s.rcx = 1L << 47, "AEP")
        .gp("secs", "another leaf on the SECS", s -> s.page.exclusive(true), "another leaf works on the SECS")
        .gp("state", "another leaf on the TCS", s -> s.tcs().lock(), "another leaf works on the TCS")
        .pf(
            "epcm",
            "TCS not valid",
            s -> LeafScene.epcm(s.page, TCS, LeafScene.invalid()),
            LeafScene.USER_READ,
            s -> s.rbx,
            "is not valid")
        .pf(
            "epcm",
            "TCS blocked",
            s -> LeafScene.epcm(s.page, TCS, LeafScene.blocked(PageType.TCS, Permissions.NONE)),
            LeafScene.USER_READ,
            s -> s.rbx,
            "is blocked")
        .pf(
            "epcm",
            "not a TCS",
            s -> LeafScene.epcm(s.page, TCS, LeafScene.entry(PageType.REG, Permissions.RWX)),
            LeafScene.USER_READ,
            s -> s.rbx,
            "is not PT_TCS")
        .pf(
            "epcm",
            "TCS pending",
            s -> LeafScene.epcm(s.page, TCS, LeafScene.pending(PageType.TCS, Permissions.NONE)),
            LeafScene.USER_READ,
            s -> s.rbx,
            "pending or modified")
        .pf(
            "epcm",
            "TCS modified",
            s -> LeafScene.epcm(s.page, TCS, LeafScene.modified(PageType.TCS, Permissions.NONE)),
            LeafScene.USER_READ,
            s -> s.rbx,
            "pending or modified")
        .gp("tcs", "OSSA alignment", s -> s.tcsBytes(16, SSA + 8), "OSSA")
        .gp("tcs", "OFSBASGX alignment", s -> s.tcsBytes(48, 8), "OFSBASGX")
        .gp("tcs", "OGSBASGX alignment", s -> s.tcsBytes(56, 8), "OGSBASGX");
  }

  /** The pages of one SSA frame. The enclave's frames are of one page, so XSAVE area and GPR area share it. */
  static Checks<EntryScene> frame(Checks<EntryScene> checks, long offset) {
    long address = LeafScene.BASE + offset;
    return checks
        .pf(
            "ssa",
            "SSA not valid",
            s -> LeafScene.epcm(s.page, offset, LeafScene.invalid()),
            LeafScene.USER_WRITE,
            s -> address,
            "is not valid")
        .pf(
            "ssa",
            "SSA blocked",
            s -> LeafScene.epcm(s.page, offset, LeafScene.blocked(PageType.REG, Permissions.RW)),
            LeafScene.USER_WRITE,
            s -> address,
            "is blocked")
        .pf(
            "ssa",
            "SSA pending",
            s -> LeafScene.epcm(s.page, offset, LeafScene.pending(PageType.REG, Permissions.RW)),
            LeafScene.USER_WRITE,
            s -> address,
            "pending or modified")
        .pf(
            "ssa",
            "SSA modified",
            s -> LeafScene.epcm(s.page, offset, LeafScene.modified(PageType.REG, Permissions.RW)),
            LeafScene.USER_WRITE,
            s -> address,
            "pending or modified")
        .pf(
            "ssa",
            "SSA of another type",
            s -> LeafScene.epcm(s.page, offset, LeafScene.entry(PageType.SS_REST, Permissions.RW)),
            LeafScene.USER_WRITE,
            s -> address,
            "regular page with RW")
        .pf(
            "ssa",
            "SSA without W",
            s -> LeafScene.epcm(s.page, offset, LeafScene.entry(PageType.REG, Permissions.RX)),
            LeafScene.USER_WRITE,
            s -> address,
            "regular page with RW")
        .pf(
            "ssa",
            "SSA without R",
            s -> LeafScene.epcm(s.page, offset, LeafScene.entry(PageType.REG, Permissions.of(2))),
            LeafScene.USER_WRITE,
            s -> address,
            "regular page with RW");
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    Checks<EntryScene> checks = operands(new Checks<>(EntryScene::new, EntryScene::eenterCheck));
    checks
        .gp("tcs", "FS base canonical", s -> s.tcsBytes(48, 1L << 47), "FS base")
        .gp("tcs", "GS base canonical", s -> s.tcsBytes(56, 1L << 47), "FS base")
        .gp("tcs", "FLAGS reserved", s -> s.tcsBytes(8, 4), "TCS.FLAGS")
        .gp("xcr0", "XFRM within XCR0", EntryScene::withoutAvx, "XFRM")
        .gp("tcs", "AEXNOTIFY of the thread alone", s -> s.tcsBytes(8, 2), "AEXNOTIFY=true")
        .gp("tcs", "AEXNOTIFY of the enclave alone", EntryScene::notifies, "AEXNOTIFY=false")
        .gp("cssa", "no SSA frame left", s -> s.tcs().cssa = 3, "CSSA");
    return frame(checks, SSA)
        .gp("tcs", "entry point canonical", s -> s.tcsBytes(32, 1L << 47), "entry point")
        .gp(
            "state,tcs",
            "active",
            s -> {
              s.tcs().lock();
              s.tcs().activate();
            },
            "is active")
        .tests();
  }

  @Test
  void notInitialised() {
    EntryScene s = new EntryScene();
    SecsPage page = s.create(LeafScene.secs(MiscSelect.NONE));
    TcsPage tcs = LeafScene.thread(page, TCS, TestEnclaves.tcs(SSA).toBytes());
    Outcome outcome = Eenter.check(s.cpu, page, tcs, s.rbx, s.rcx);
    assertThat(outcome).isEqualTo(Outcome.gp("the enclave is not initialised"));
    assertThat(tcs.state()).isEqualTo(TcsPage.INACTIVE);
  }

  @Test
  void pageThatIsNoTcs() {
    EntryScene s = new EntryScene();
    s.rbx = LeafScene.BASE + TestEnclaves.DATA_OFFSET;
    assertThat(Checks.describe(s.eenterCheck())).isEqualTo("#PF(0x8005) at 0x%x".formatted(s.rbx));
    s.rbx = LeafScene.BASE + TestEnclaves.SIZE - 4096;
    assertThat(Checks.describe(s.eenterCheck())).isEqualTo("#PF(0x8005) at 0x%x".formatted(s.rbx));
  }

  @Test
  void gprAreaOnAPageOfItsOwn() {
    // Frames of two pages: the XSAVE area needs the first, the GPR area lies in the second.
    EntryScene s = new EntryScene();
    Secs secs = Secs.of(TestEnclaves.SIZE, 2, MiscSelect.NONE, TestEnclaves.ATTRIBUTES);
    SecsPage page = s.create(secs);
    TcsPage tcs = LeafScene.thread(page, TCS, TestEnclaves.tcs(SSA).toBytes());
    LeafScene.regular(page, SSA, Permissions.RW);
    page.initialise(page.secs(), page.isvFamilyId(), page.isvExtProdId());
    Outcome outcome = Eenter.check(s.cpu, page, tcs, s.rbx, s.rcx);
    assertThat(Checks.describe(outcome)).isEqualTo("#PF(0x8007) at 0x%x".formatted(SSA_ADDRESS + 8192 - 184));
    assertThat(GPR_ADDRESS).isNotEqualTo(SSA_ADDRESS + 8192 - 184);
  }

  @Test
  void ssaOutsideTheElrangeAndOverflowing() {
    EntryScene s = new EntryScene();
    for (long ossa : new long[] {TestEnclaves.SIZE, -4096, Long.MIN_VALUE, 0x7FFF_FFFF_FFFF_F000L}) {
      s.tcsBytes(16, ossa);
      assertThat(Checks.describe(s.eenterCheck()))
          .isEqualTo("#PF(0x8007) at 0x%x".formatted(LeafScene.BASE + ossa));
    }
  }

  @Test
  void aFaultLeavesTheTcsFree() {
    EntryScene s = new EntryScene();
    s.tcs().cssa = 3;
    assertThat(s.eenterCheck()).isNotNull();
    assertThat(s.tcs().state()).isEqualTo(TcsPage.INACTIVE);
    s.tcs().cssa = 2;
    assertThat(s.eenterCheck()).isNull();
    assertThat(s.tcs().state()).isEqualTo(TcsPage.LOCKED);
  }

  @Test
  void entersTheEnclave() {
    EntryScene s = new EntryScene();
    s.registers.rflags = 0x202 | 1L << 8 | 1L << 18 | 3L << 12 | 1L << 17;
    Registers before = EntryScene.copy(s.registers);
    s.tcs().cssa = 1;
    s.eenter();
    Registers r = s.registers;
    assertThat(s.tcs().state()).isEqualTo(TcsPage.ACTIVE);
    assertThat(r.rip).isEqualTo(LeafScene.BASE + TestEnclaves.ENTRY);
    assertThat(r.rax).isEqualTo(1);
    assertThat(r.rcx).isEqualTo(before.rip + 3);
    assertThat(r.rbx).isEqualTo(EntryScene.RBX);
    assertThat(r.fsBase).isEqualTo(LeafScene.BASE + TestEnclaves.DATA_OFFSET);
    assertThat(r.gsBase).isEqualTo(LeafScene.BASE + TestEnclaves.DATA_OFFSET + 0x1000);
    assertThat(r.rflags).as("no TF, IOPL and VM; AC stays").isEqualTo(0x202 | 1L << 18);
    assertThat(r.rsp).isEqualTo(before.rsp);
    assertThat(r.rdi).isEqualTo(before.rdi);
    assertThat(s.gpr(1, 144)).as("URSP").isEqualTo(before.rsp);
    assertThat(s.gpr(1, 152)).as("URBP").isEqualTo(before.rbp);
    assertThat(s.tcs().aep).isEqualTo(EntryScene.AEP);
    assertThat(s.slot.extended).isEqualTo(Extended.KEEP);
  }

  @Test
  void afterAnAsynchronousExitTheExtendedStateIsInitial() {
    EntryScene s = new EntryScene();
    s.processor.area.fill((byte) 0xEE);
    s.slot.extended = Extended.LOAD;
    s.eenter();
    MemorySegment area = s.processor.area;
    assertThat(area.get(ValueLayout.JAVA_LONG_UNALIGNED, 512)).as("XSTATE_BV").isZero();
    assertThat(area.get(ValueLayout.JAVA_SHORT_UNALIGNED, 0)).as("FCW").isEqualTo((short) 0x37F);
    assertThat(area.get(ValueLayout.JAVA_INT_UNALIGNED, 24)).as("MXCSR").isEqualTo(0x1F80);
    assertThat(area.asSlice(160, 256).mismatch(MemorySegment.ofArray(new byte[256]))).as("XMM").isEqualTo(-1);
  }

  /** Between its checks and its first instruction a thread relies on what it has checked already. */
  @Test
  void pagesThatAreBlockedAfterTheChecksWaitForTheThread() {
    EntryScene s = new EntryScene();
    long ssa = TestEnclaves.SSA_OFFSET / 4096;
    assertThat(s.eenterCheck()).isNull();
    assertThat(s.page.block(ssa)).isTrue();
    assertThat(s.page.tracking().advance()).isTrue();
    Eenter.commit(s.page, s.tcs(), s.slot, s.rcx, s.registers);
    assertThat(s.page.tracking().tracked(s.page.pages().epoch(ssa))).isFalse();
    s.tcs().leave();
    assertThat(s.page.tracking().tracked(s.page.pages().epoch(ssa))).isTrue();
  }

  @Test
  void aTcsThatHasGoneMeanwhile() {
    EntryScene s = new EntryScene();
    TcsPage found = s.tcs();
    s.page.threads().add(new TcsPage(found.page, found.address, MemorySegment.ofArray(found.bytes())));
    assertThat(Checks.describe(Eenter.check(s.cpu, s.page, found, s.rbx, s.rcx))).startsWith("#PF");
    assertThat(found.state()).isEqualTo(TcsPage.INACTIVE);
  }

  /** What a thread inside is asked that would count as having entered anew. */
  @Test
  void aTcsThatCannotBeEnteredAnyMore() {
    EntryScene s = new EntryScene();
    s.eenter();
    assertThat(SsaFrames.enterable(s.page, s.tcs())).isTrue();
    s.page.block(s.tcs().page);
    assertThat(SsaFrames.enterable(s.page, s.tcs())).isFalse();
  }
}
