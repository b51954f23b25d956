package org.enclavisor.linux.asm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.enclavisor.linux.asm.Reg.R12;
import static org.enclavisor.linux.asm.Reg.R13;
import static org.enclavisor.linux.asm.Reg.R8;
import static org.enclavisor.linux.asm.Reg.RAX;
import static org.enclavisor.linux.asm.Reg.RBX;
import static org.enclavisor.linux.asm.Reg.RCX;
import static org.enclavisor.linux.asm.Reg.RDI;
import static org.enclavisor.linux.asm.Reg.RSP;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** Expected bytes come from GNU as (with the 32-bit displacement forms, which {@link Assembler} always takes). */
class AssemblerTest {
  private static final long ORIGIN = 0x40_0000;

  private static String hex(Assembler a) {
    return HexFormat.ofDelimiter(" ").formatHex(a.toBytes());
  }

  private static Assembler at() {
    return new Assembler(ORIGIN);
  }

  @Test
  void movesBetweenRegistersAndMemory() {
    assertThat(hex(at().mov(RAX, RBX))).isEqualTo("48 89 d8");
    assertThat(hex(at().mov32(R8, RDI))).isEqualTo("41 89 f8");
    assertThat(hex(at().mov(R8, Mem.at(R13, 16)))).isEqualTo("4d 8b 85 10 00 00 00");
    assertThat(hex(at().mov(Mem.at(RSP, 8), R12))).isEqualTo("4c 89 a4 24 08 00 00 00");
    assertThat(hex(at().mov32(RCX, 7))).isEqualTo("b9 07 00 00 00");
    assertThat(hex(at().mov64(R8, 0x1122334455667788L))).isEqualTo("49 b8 88 77 66 55 44 33 22 11");
  }

  @Test
  void ripRelativeOperandsCountFromTheEndOfTheInstruction() {
    assertThat(hex(at().mov(RAX, Mem.abs(ORIGIN + 0x1000)))).isEqualTo("48 8b 05 f9 0f 00 00");
    assertThat(hex(at().movImm32(Mem.abs(ORIGIN + 0x1000), 5))).isEqualTo("c7 05 f6 0f 00 00 05 00 00 00");
    assertThat(hex(at().jmp(Mem.abs(ORIGIN + 0x1000)))).isEqualTo("ff 25 fa 0f 00 00");
    assertThat(hex(at().cmp(RCX, Mem.abs(ORIGIN + 0x1000)))).isEqualTo("48 3b 0d f9 0f 00 00");
  }

  @Test
  void lockedAndPrivilegeFreeSystemInstructions() {
    assertThat(hex(at().xchg32(Mem.at(R12, 0), RAX))).isEqualTo("41 87 84 24 00 00 00 00");
    assertThat(hex(at().lockCmpxchg32(Mem.at(RBX, 0), RCX))).isEqualTo("f0 0f b1 8b 00 00 00 00");
    assertThat(hex(at().rdfsbase(RCX))).isEqualTo("f3 48 0f ae c1");
    assertThat(hex(at().rdgsbase(RAX))).isEqualTo("f3 48 0f ae c8");
    assertThat(hex(at().wrfsbase(R8))).isEqualTo("f3 49 0f ae d0");
    assertThat(hex(at().wrgsbase(RAX))).isEqualTo("f3 48 0f ae d8");
    assertThat(hex(at().xrstor64(RBX))).isEqualTo("48 0f ae ab 00 00 00 00");
    assertThat(hex(at().iretq())).isEqualTo("48 cf");
    assertThat(hex(at().lahf().setoAl())).isEqualTo("9f 0f 90 c0");
  }

  @Test
  void arithmetic() {
    assertThat(hex(at().and(RAX, -65536))).isEqualTo("48 81 e0 00 00 ff ff");
    assertThat(hex(at().cmp32(R8, 3))).isEqualTo("41 81 f8 03 00 00 00");
    assertThat(hex(at().shl(RAX, 32))).isEqualTo("48 c1 e0 20");
    assertThat(hex(at().or(RAX, R13))).isEqualTo("4c 09 e8");
    assertThat(hex(at().test(RSP, RSP))).isEqualTo("48 85 e4");
    assertThat(hex(at().push(R12).pop(RAX))).isEqualTo("41 54 58");
  }

  @Test
  void labelsWorkForwardsAndBackwards() {
    Label back = new Label();
    Label forth = new Label();
    Assembler a = at().bind(back).jmp(forth).jcc(Condition.NOT_EQUAL, back).bind(forth).ret();
    assertThat(hex(a)).isEqualTo("e9 06 00 00 00 0f 85 f5 ff ff ff c3");
    assertThat(a.addressOf(forth)).isEqualTo(ORIGIN + 11);
    assertThatThrownBy(() -> a.bind(back)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aTargetOutOfReachIsRefused() {
    assertThatThrownBy(() -> at().jmp(ORIGIN + (1L << 33))).isInstanceOf(ArithmeticException.class);
  }
}
