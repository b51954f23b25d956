package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.enclavisor.isa.ExInfo;
import org.enclavisor.isa.ExitInfo;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.Registers;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AexTest {
  private static final long SSA = TestEnclaves.SSA_OFFSET;

  private static EntryScene inside(MiscSelect miscSelect) {
    EntryScene s = new EntryScene(miscSelect);
    s.eenter();
    EresumeTest.inside(s.registers);
    return s;
  }

  private static void exit(EntryScene s, @Nullable Vector vector, int code, long address) {
    Aex.execute(s.cpu, s.page, s.tcs(), s.slot, s.registers, vector, code, address);
  }

  private static GprSgx saved(EntryScene s, int frame) {
    return GprSgx.read(s.memory().asSlice(EntryScene.gprAt(frame), GprSgx.BYTES));
  }

  @Test
  void savesEveryRegister() {
    EntryScene s = inside(MiscSelect.NONE);
    exit(s, Vector.UD, 0, 0);
    Registers r = new Registers();
    EresumeTest.inside(r);
    assertThat(saved(s, 0))
        .isEqualTo(
            new GprSgx(
                r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14,
                r.r15, r.rflags, r.rip, 0x7FFF_0000, 0x7FFF_0100, new ExitInfo(6, ExitInfo.HARDWARE, true), 0,
                r.fsBase, r.gsBase));
  }

  @Test
  void showsTheHostNothingOfTheEnclave() {
    EntryScene s = inside(MiscSelect.NONE);
    exit(s, null, 0, 0);
    Registers expected = new Registers();
    expected.rax = 3;
    expected.rbx = EntryScene.RBX;
    expected.rcx = EntryScene.AEP;
    expected.rip = EntryScene.AEP;
    expected.rsp = 0x7FFF_0000;
    expected.rbp = 0x7FFF_0100;
    expected.fsBase = 0xF5;
    expected.gsBase = 0x65;
    expected.rflags = 0x202 | 1L << 10;
    assertThat(s.registers.toString()).isEqualTo(expected.toString());
    assertThat(s.tcs().cssa).isEqualTo(1);
    assertThat(s.tcs().state()).isEqualTo(TcsPage.INACTIVE);
    assertThat(s.slot.extended).as("the registers still hold the enclave's state").isEqualTo(Extended.LOAD);
  }

  @ParameterizedTest
  @EnumSource(Vector.class)
  void exitInfoIsValidForListedVectorsOnly(Vector vector) {
    EntryScene plain = inside(MiscSelect.NONE);
    exit(plain, vector, 0, 0);
    boolean listed =
        switch (vector) {
          case DE, DB, BP, BR, UD, MF, AC, XM -> true;
          default -> false;
        };
    ExitInfo info = saved(plain, 0).exitInfo();
    assertThat(info.valid()).isEqualTo(listed);
    assertThat(info.vector()).isEqualTo(listed ? vector.number() : 0);
    assertThat(info.exitType()).isEqualTo(!listed ? 0 : vector == Vector.BP ? ExitInfo.SOFTWARE : ExitInfo.HARDWARE);
    EntryScene exinfo = inside(new MiscSelect(MiscSelect.EXINFO));
    exit(exinfo, vector, 0, 0);
    assertThat(saved(exinfo, 0).exitInfo().valid()).isEqualTo(listed || vector == Vector.PF || vector == Vector.GP);
  }

  @Test
  void anInterruptClearsExitInfo() {
    EntryScene s = inside(MiscSelect.NONE);
    LeafScene.u32(s.memory(), EntryScene.gprAt(0) + GprSgx.EXITINFO_OFFSET, -1);
    exit(s, null, 0, 0);
    assertThat(s.memory().get(ValueLayout.JAVA_INT_UNALIGNED, EntryScene.gprAt(0) + 160)).isZero();
  }

  @Test
  void exInfoOfPageFaultsAndGeneralProtection() {
    EntryScene s = inside(new MiscSelect(MiscSelect.EXINFO));
    exit(s, Vector.PF, 0x8007, LeafScene.BASE + 0x123);
    long at = EntryScene.gprAt(0) - ExInfo.BYTES;
    assertThat(ExInfo.read(s.memory().asSlice(at, ExInfo.BYTES)))
        .isEqualTo(new ExInfo(LeafScene.BASE + 0x123, 0x8007));
    assertThat(Aex.outsideAddress(LeafScene.BASE + 0x123)).isEqualTo(LeafScene.BASE);
    EntryScene other = inside(new MiscSelect(MiscSelect.EXINFO));
    other.memory().asSlice(at, ExInfo.BYTES).fill((byte) 0x55);
    exit(other, Vector.GP, 9, 0x123);
    assertThat(ExInfo.read(other.memory().asSlice(at, ExInfo.BYTES))).isEqualTo(new ExInfo(0, 9));
  }

  @Test
  void exInfoIsLeftAloneUnlessSelected() {
    EntryScene s = inside(MiscSelect.NONE);
    MemorySegment misc = s.memory().asSlice(EntryScene.gprAt(0) - ExInfo.BYTES, ExInfo.BYTES);
    misc.fill((byte) 0x55);
    exit(s, Vector.PF, 7, LeafScene.BASE);
    assertThat(misc.get(ValueLayout.JAVA_LONG_UNALIGNED, 0)).isEqualTo(0x5555555555555555L);
  }

  @Test
  void extendedStateByComponent() {
    EntryScene s = inside(MiscSelect.NONE);
    MemorySegment area = s.processor.area;
    for (int i = 0; i < area.byteSize(); i++) {
      LeafScene.u8(area, i, i * 5 + 3);
    }
    LeafScene.u64(area, 512, 0x205);
    LeafScene.u32(area, 24, 0x1F80);
    MemorySegment frame = s.memory().asSlice(SSA, 4096);
    frame.asSlice(416, 96).fill((byte) 0x77);
    frame.asSlice(160, 256).fill((byte) 0x77);
    exit(s, null, 0, 0);
    assertThat(MemorySegment.mismatch(area, 0, 24, frame, 0, 24)).isEqualTo(-1);
    assertThat(MemorySegment.mismatch(area, 32, 160, frame, 32, 160)).isEqualTo(-1);
    assertThat(frame.get(ValueLayout.JAVA_INT_UNALIGNED, 24)).isEqualTo(0x1F80);
    assertThat(frame.asSlice(160, 256).mismatch(MemorySegment.ofArray(new byte[256])))
        .as("SSE was in its initial state")
        .isEqualTo(-1);
    assertThat(frame.get(ValueLayout.JAVA_BYTE, 420)).as("not XSAVE's to write").isEqualTo((byte) 0x77);
    assertThat(MemorySegment.mismatch(area, 576, 832, frame, 576, 832)).isEqualTo(-1);
    assertThat(frame.get(ValueLayout.JAVA_LONG_UNALIGNED, 512)).as("XSTATE_BV within XFRM").isEqualTo(5);
    assertThat(frame.get(ValueLayout.JAVA_LONG_UNALIGNED, 520)).isZero();
    assertThat(frame.get(ValueLayout.JAVA_LONG_UNALIGNED, 528)).isZero();
  }

  @Test
  void initialX87StateIsWrittenOut() {
    EntryScene s = inside(MiscSelect.NONE);
    MemorySegment frame = s.memory().asSlice(SSA, 4096);
    frame.asSlice(0, 832).fill((byte) 0x77);
    s.processor.area.fill((byte) 0);
    exit(s, null, 0, 0);
    assertThat(frame.get(ValueLayout.JAVA_SHORT_UNALIGNED, 0)).isEqualTo((short) 0x37F);
    assertThat(frame.asSlice(2, 22).mismatch(MemorySegment.ofArray(new byte[22]))).isEqualTo(-1);
    assertThat(frame.asSlice(576, 256).mismatch(MemorySegment.ofArray(new byte[256]))).isEqualTo(-1);
  }

  @Test
  void framesStack() {
    EntryScene s = inside(MiscSelect.NONE);
    exit(s, Vector.UD, 0, 0);
    s.registers.rsp = 0x6000;
    s.eenter();
    assertThat(s.registers.rax).as("CSSA").isEqualTo(1);
    s.registers.rip = LeafScene.BASE + 0x99;
    exit(s, null, 0, 0);
    assertThat(s.tcs().cssa).isEqualTo(2);
    assertThat(saved(s, 0).rip()).isEqualTo(LeafScene.BASE + 0x77);
    assertThat(saved(s, 1).rip()).isEqualTo(LeafScene.BASE + 0x99);
    assertThat(saved(s, 1).ursp()).isEqualTo(0x6000);
    assertThat(s.eresume()).isNull();
    assertThat(s.registers.rip).isEqualTo(LeafScene.BASE + 0x99);
    assertThat(s.tcs().cssa).isEqualTo(1);
  }
}
