package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.Stream;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EresumeTest {
  private static final long SSA = TestEnclaves.SSA_OFFSET;

  /** A thread that has left asynchronously. */
  private static EntryScene scene() {
    EntryScene s = new EntryScene();
    s.eenter();
    inside(s.registers);
    s.processor.area.fill((byte) 0);
    Aex.execute(s.cpu, s.page, s.tcs(), s.slot, s.registers, Vector.UD, 0, 0);
    return s;
  }

  /** What enclave code has in its registers. */
  static void inside(Registers r) {
    r.rax = 0xA1;
    r.rcx = 0xA2;
    r.rdx = 0xA3;
    r.rbx = 0xA4;
    r.rsp = 0xA5;
    r.rbp = 0xA6;
    r.rsi = 0xA7;
    r.rdi = 0xA8;
    r.r8 = 0xB8;
    r.r9 = 0xB9;
    r.r10 = 0xBA;
    r.r11 = 0xBB;
    r.r12 = 0xBC;
    r.r13 = 0xBD;
    r.r14 = 0xBE;
    r.r15 = 0xBF;
    r.rflags = 0x202 | 0x8D5 | 1L << 10 | 1L << 16;
    r.rip = LeafScene.BASE + 0x77;
    r.fsBase = LeafScene.BASE + 0xF0;
    r.gsBase = LeafScene.BASE + 0x60;
  }

  private static void gpr(EntryScene s, long offset, long value) {
    LeafScene.u64(s.memory(), EntryScene.gprAt(0) + offset, value);
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    Checks<EntryScene> checks =
        EenterTest.operands(new Checks<>(EresumeTest::scene, EntryScene::eresume))
            .gp("tcs", "FLAGS reserved", s -> s.tcsBytes(8, 4), "TCS.FLAGS")
            .gp("xcr0", "XFRM within XCR0", EntryScene::withoutAvx, "XFRM")
            .gp("tcs", "AEXNOTIFY of the thread alone", s -> s.tcsBytes(8, 2), "AEXNOTIFY=true")
            .gp("tcs", "AEXNOTIFY of the enclave alone", EntryScene::notifies, "AEXNOTIFY=false")
            .gp("cssa", "nothing to resume", s -> s.tcs().cssa = 0, "CSSA");
    return EenterTest.frame(checks, SSA)
        .gp(
            "state,tcs",
            "active",
            s -> {
              s.tcs().lock();
              s.tcs().activate();
            },
            "is active")
        .gp("gpr", "RIP canonical", s -> gpr(s, 136, 1L << 47), "RIP")
        .gp("gpr", "FS base canonical", s -> gpr(s, 168, 1L << 47), "FS base")
        .gp("gpr", "GS base canonical", s -> gpr(s, 176, 1L << 47), "GS base")
        .gp("xsave", "XSTATE_BV beyond XFRM", s -> LeafScene.u64(s.memory(), SSA + 512, 8), "XSTATE_BV")
        .gp("xsave", "XCOMP_BV", s -> LeafScene.u64(s.memory(), SSA + 520, 1L << 63), "XSAVE header")
        .gp("xsave", "header bytes 16 to 23", s -> LeafScene.u64(s.memory(), SSA + 528, 1), "XSAVE header")
        .gp("xsave", "MXCSR reserved", s -> LeafScene.u32(s.memory(), SSA + 24, 1 << 17), "MXCSR")
        .tests();
  }

  @Test
  void everythingComesBack() {
    EntryScene s = scene();
    Registers expected = new Registers();
    inside(expected);
    s.registers.rsp = 0x1111;
    s.registers.rbp = 0x2222;
    s.registers.fsBase = 0x3333;
    s.registers.rflags |= 1L << 8;
    assertThat(s.eresume()).isNull();
    assertThat(s.registers.toString()).isEqualTo(expected.toString());
    assertThat(s.tcs().cssa).isZero();
    assertThat(s.tcs().state()).isEqualTo(TcsPage.ACTIVE);
    assertThat(s.tcs().savedFsBase).isEqualTo(0x3333);
    assertThat(s.tcs().savedTf).isEqualTo(1L << 8);
    assertThat(s.slot.extended).isEqualTo(Extended.LOAD);
    assertThat(s.gpr(0, GprSgx.URSP_OFFSET)).as("URSP stays that of EENTER").isEqualTo(0x7FFF_0000);
  }

  @Test
  void privilegedFlagsDoNotComeBack() {
    EntryScene s = scene();
    gpr(s, 128, -1);
    assertThat(s.eresume()).isNull();
    // IOPL, VM, VIF, VIP and TF stay away.
    assertThat(s.registers.rflags).isEqualTo(Entry.FIXED_FLAGS | Entry.USER_FLAGS & ~Entry.TF | Entry.RF);
  }

  @Test
  void extendedStateIsCopiedByComponent() {
    EntryScene s = scene();
    MemorySegment frame = s.memory().asSlice(SSA, 4096);
    for (int i = 0; i < 832; i++) {
      if (i < 24 || i >= 32 && i < 416 || i >= 576) {
        LeafScene.u8(frame, i, i * 3 + 1);
      }
    }
    LeafScene.u32(frame, 24, 0x1FBF);
    LeafScene.u64(frame, 512, 5);
    s.processor.area.fill((byte) 0xEE);
    assertThat(s.eresume()).isNull();
    MemorySegment area = s.processor.area;
    assertThat(MemorySegment.mismatch(area, 0, 24, frame, 0, 24)).as("x87 control").isEqualTo(-1);
    assertThat(MemorySegment.mismatch(area, 32, 160, frame, 32, 160)).as("x87 registers").isEqualTo(-1);
    assertThat(area.get(ValueLayout.JAVA_INT_UNALIGNED, 24)).isEqualTo(0x1FBF);
    assertThat(MemorySegment.mismatch(area, 576, 832, frame, 576, 832)).as("AVX").isEqualTo(-1);
    assertThat(area.get(ValueLayout.JAVA_LONG_UNALIGNED, 512)).isEqualTo(5);
    for (int at = 520; at < 576; at += 8) {
      assertThat(area.get(ValueLayout.JAVA_LONG_UNALIGNED, at)).as("header at %d", at).isZero();
    }
  }

  @Test
  void aFailingXrstorChangesNothing() {
    EntryScene s = scene();
    LeafScene.u64(s.memory(), SSA + 512, 1L << 40);
    Registers before = EntryScene.copy(s.registers);
    Outcome outcome = s.eresume();
    assertThat(outcome).isNotNull();
    assertThat(s.registers.toString()).isEqualTo(before.toString());
    assertThat(s.tcs().state()).isEqualTo(TcsPage.INACTIVE);
    assertThat(s.tcs().cssa).isEqualTo(1);
  }
}
