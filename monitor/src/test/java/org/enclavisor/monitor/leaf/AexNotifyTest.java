package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Tcs;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.spi.Extended;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** AEX-Notify: ERESUME that enters instead, and EDECCSSA. */
class AexNotifyTest {
  private static final long SSA = TestEnclaves.SSA_OFFSET;
  private static final int FRAME = 4096;

  /** A thread that has left asynchronously and wants to be told. */
  private static EntryScene scene() {
    EntryScene s = new EntryScene();
    s.notifies();
    s.tcsBytes(8, Tcs.AEXNOTIFY);
    s.eenter();
    EresumeTest.inside(s.registers);
    s.processor.area.fill((byte) 0);
    Aex.execute(s.cpu, s.page, s.tcs(), s.slot, s.registers, Vector.UD, 0, 0);
    wants(s, 1);
    return s;
  }

  private static void wants(EntryScene s, int value) {
    LeafScene.u8(s.memory(), EntryScene.gprAt(0) + GprSgx.AEXNOTIFY_OFFSET, value);
  }

  @TestFactory
  Stream<DynamicTest> checksOfEresume() {
    Checks<EntryScene> checks =
        new Checks<>(AexNotifyTest::scene, EntryScene::eresume)
            .gp("cssa", "nothing to resume", s -> s.tcs().cssa = 0, "CSSA=0: there is nothing to resume");
    frame(checks, "the frame below", SSA);
    checks.gp(
        "cssa,the frame above",
        "no frame above",
        s -> {
          s.tcs().cssa = 3;
          LeafScene.u8(s.memory(), EntryScene.gprAt(2) + GprSgx.AEXNOTIFY_OFFSET, 1);
        },
        "CSSA=3: to tell");
    frame(checks, "the frame above", SSA + FRAME);
    return checks
        .gp("tcs", "OENTRY canonical", s -> s.tcsBytes(32, 1L << 47), "RIP")
        .gp("tcs", "FS base canonical", s -> s.tcsBytes(48, 1L << 47), "FS base")
        .gp("tcs", "GS base canonical", s -> s.tcsBytes(56, 1L << 47), "FS base")
        .tests();
  }

  private static void frame(Checks<EntryScene> checks, String name, long offset) {
    String fields = name + ",cssa";
    checks
        .pf(
            fields,
            name + " not mapped",
            s -> s.translations.mapped.put(offset / FRAME, 1),
            7,
            s -> LeafScene.BASE + offset,
            "not mapped")
        .pf(
            fields,
            name + " not valid",
            s -> LeafScene.epcm(s.page, offset, LeafScene.invalid()),
            LeafScene.USER_WRITE,
            s -> LeafScene.BASE + offset,
            "not valid")
        .pf(
            fields,
            name + " pending",
            s -> LeafScene.epcm(s.page, offset, LeafScene.pending(PageType.REG, Permissions.RW)),
            LeafScene.USER_WRITE,
            s -> LeafScene.BASE + offset,
            "pending");
  }

  @Test
  void theThreadIsEnteredAboveItsSavedState() {
    EntryScene s = scene();
    s.registers.rsp = 0x1111;
    s.registers.rbp = 0x2222;
    s.registers.rip = 0x40_0100;
    s.registers.rdi = 0x77;
    s.registers.rflags |= Entry.TF;
    long savedRip = s.gpr(0, GprSgx.RIP_OFFSET);
    assertThat(s.eresume()).isNull();
    assertThat(s.registers.rip).isEqualTo(LeafScene.BASE + TestEnclaves.ENTRY);
    assertThat(s.registers.rax).as("CSSA").isEqualTo(1);
    assertThat(s.registers.rbx).isEqualTo(EntryScene.RBX);
    assertThat(s.registers.rcx).isEqualTo(0x40_0103);
    assertThat(s.registers.rdi).as("the host's").isEqualTo(0x77);
    assertThat(s.registers.rsp).isEqualTo(0x1111);
    assertThat(s.registers.fsBase).isEqualTo(LeafScene.BASE + TestEnclaves.DATA_OFFSET);
    assertThat(s.registers.rflags & Entry.TF).as("opt-out").isZero();
    assertThat(s.tcs().cssa).as("nothing is popped").isEqualTo(1);
    assertThat(s.tcs().state()).isEqualTo(TcsPage.ACTIVE);
    assertThat(s.gpr(0, GprSgx.RIP_OFFSET)).isEqualTo(savedRip);
    assertThat(s.gpr(1, GprSgx.URSP_OFFSET)).isEqualTo(0x1111);
    assertThat(s.gpr(1, GprSgx.URBP_OFFSET)).isEqualTo(0x2222);
    assertThat(s.slot.extended).as("the initial state").isEqualTo(Extended.LOAD);
    assertThat(s.processor.area.get(ValueLayout.JAVA_LONG_UNALIGNED, 512)).isZero();
  }

  @Test
  void onlyBitZeroOfTheFrameAndTheFlagOfTheThreadAsk() {
    EntryScene unasked = scene();
    wants(unasked, 0xFE);
    assertThat(unasked.eresume()).isNull();
    assertThat(unasked.registers.rip).isEqualTo(LeafScene.BASE + 0x77);
    assertThat(unasked.tcs().cssa).isZero();
    EntryScene without = new EntryScene();
    without.eenter();
    EresumeTest.inside(without.registers);
    Aex.execute(without.cpu, without.page, without.tcs(), without.slot, without.registers, Vector.UD, 0, 0);
    wants(without, 1);
    assertThat(without.eresume()).isNull();
    assertThat(without.registers.rip).isEqualTo(LeafScene.BASE + 0x77);
  }

  @Test
  void anExitLeavesTheWishAlone() {
    EntryScene s = scene();
    assertThat(s.eresume()).isNull();
    assertThat(Edeccssa.execute(s.page, s.tcs())).isNull();
    Aex.execute(s.cpu, s.page, s.tcs(), s.slot, s.registers, null, 0, 0);
    assertThat(s.memory().get(ValueLayout.JAVA_BYTE, EntryScene.gprAt(0) + GprSgx.AEXNOTIFY_OFFSET))
        .isEqualTo((byte) 1);
  }

  @Test
  void afterAnOptInEntryTheFlagsNeedNotAgree() {
    for (long flags : new long[] {Tcs.DBGOPTIN, Tcs.DBGOPTIN | Tcs.AEXNOTIFY}) {
      EntryScene s = new EntryScene();
      s.tcs().flags(flags);
      assertThat(s.eenterCheck()).isNull();
      EntryScene notifying = new EntryScene();
      notifying.notifies();
      notifying.tcs().flags(flags);
      assertThat(notifying.eenterCheck()).isNull();
    }
  }

  @Test
  void withoutTheFeatureTheFlagIsReserved() {
    EntryScene s = new EntryScene();
    s.cpu =
        new Cpu(
            s.cpu.attributes() & ~Attributes.AEXNOTIFY, s.cpu.miscselect(), s.cpu.features(), s.cpu.maxEnclaveBits(),
            s.cpu.xsave(), s.cpu.cpuSvn(), s.cpu.reportKeyId(), s.cpu.keys());
    s.tcs().flags(Tcs.DBGOPTIN | Tcs.AEXNOTIFY);
    assertThat(String.valueOf(s.eenterCheck())).contains("reserved bits");
  }

  /** A thread that is inside above a saved frame. */
  private static EntryScene above() {
    EntryScene s = scene();
    if (s.eresume() != null) {
      throw new AssertionError("ERESUME refused");
    }
    return s;
  }

  @TestFactory
  Stream<DynamicTest> checksOfEdeccssa() {
    Supplier<EntryScene> scene = AexNotifyTest::above;
    Checks<EntryScene> checks =
        new Checks<>(scene, s -> Edeccssa.execute(s.page, s.tcs()))
            .gp("cssa", "no frame below", s -> s.tcs().cssa = 0, "CSSA=0: there is no frame below")
            .gp("lock", "TCS in use", s -> s.page.pages().tryExclusive(TestEnclaves.TCS_OFFSET / 4096), "another leaf");
    frame(checks, "the frame", SSA);
    return checks.tests();
  }

  @Test
  void edeccssaGivesTheFrameUp() {
    EntryScene s = above();
    long frameAbove = s.gpr(1, GprSgx.URSP_OFFSET);
    assertThat(Edeccssa.execute(s.page, s.tcs())).isNull();
    assertThat(s.tcs().cssa).isZero();
    assertThat(s.page.pages().tryExclusive(TestEnclaves.TCS_OFFSET / 4096)).as("the lock is given back").isTrue();
    s.page.pages().releaseExclusive(TestEnclaves.TCS_OFFSET / 4096);
    s.registers.rip = LeafScene.BASE + 0x99;
    Aex.execute(s.cpu, s.page, s.tcs(), s.slot, s.registers, null, 0, 0);
    assertThat(s.gpr(0, GprSgx.RIP_OFFSET)).as("the next exit saves there").isEqualTo(LeafScene.BASE + 0x99);
    assertThat(s.gpr(1, GprSgx.URSP_OFFSET)).isEqualTo(frameAbove);
    assertThat(s.tcs().cssa).isEqualTo(1);
    assertThat(s.registers.rsp).as("of the frame it left").isEqualTo(s.gpr(0, GprSgx.URSP_OFFSET));
  }
}
