package org.enclavisor.host.debug;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import org.enclavisor.host.debug.Register.Place;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.testkit.Seeded;
import org.junit.jupiter.api.Test;

/** GDB's registers in an SSA frame. */
class RegisterValuesTest {
  private static final int XSTATE_BV = 512;

  private final RegisterTable table = RegisterTable.of(7, FakeTarget.MACHINE);
  private final byte[] gpr = new byte[GprSgx.BYTES];
  private final byte[] xsave = new byte[table.xsaveBytes()];

  private Register named(String name) {
    return table.all().stream().filter(register -> register.name().equals(name)).findFirst().orElseThrow();
  }

  private RegisterValues values() {
    return new RegisterValues(gpr, xsave);
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  private ByteBuffer area() {
    return ByteBuffer.wrap(xsave).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Test
  void theOrderIsGdbs() {
    assertThat(table.all().stream().limit(24).map(Register::name))
        .containsExactly(
            "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
            "r15", "rip", "eflags", "cs", "ss", "ds", "es", "fs", "gs");
    assertThat(RegisterTable.of(3, FakeTarget.MACHINE).features())
        .extracting(RegisterTable.Feature::name)
        .doesNotContain("org.gnu.gdb.i386.avx");
    assertThat(table.features()).extracting(RegisterTable.Feature::name).contains("org.gnu.gdb.i386.avx");
    assertThat(table.xsaveBytes()).isEqualTo(832);
  }

  @Test
  void whatIsInitialIsShownSo() {
    assertThat(hex(values().get(named("fctrl")))).isEqualTo("7f030000");
    assertThat(hex(values().get(named("ftag")))).isEqualTo("ffff0000");
    xsave[160] = 1; // XMM0, which XSTATE_BV says is not in use
    assertThat(hex(values().get(named("xmm0")))).isEqualTo("0".repeat(32));
    xsave[XSTATE_BV] = 2;
    assertThat(hex(values().get(named("xmm0")))).startsWith("01");
  }

  @Test
  void settingPutsAComponentIntoUse() {
    xsave[175] = 9; // rubbish in an XMM0 that is not in use
    RegisterValues values = values();
    values.set(named("xmm1"), HexFormat.of().parseHex("11".repeat(16)));
    values.set(named("ymm3h"), HexFormat.of().parseHex("22".repeat(16)));
    values.set(named("st2"), HexFormat.of().parseHex("33".repeat(10)));
    assertThat(values.xsave()[XSTATE_BV]).isEqualTo((byte) 7);
    assertThat(hex(values.get(named("xmm0")))).isEqualTo("0".repeat(32));
    assertThat(hex(values.get(named("xmm1")))).isEqualTo("11".repeat(16));
    assertThat(hex(values.get(named("ymm3h")))).isEqualTo("22".repeat(16));
    assertThat(hex(values.get(named("st2")))).isEqualTo("33".repeat(10));
    assertThat(hex(values.get(named("fctrl")))).as("initial, and still so").isEqualTo("7f030000");
  }

  @Test
  void settingWhatItIsChangesNothing() {
    RegisterValues values = values();
    for (Register register : table.all()) {
      values.set(register, values.get(register));
    }
    assertThat(values.xsave()).isEqualTo(xsave);
    assertThat(values.gpr()).isEqualTo(gpr);
  }

  @Test
  void everyRegisterKeepsWhatItIsGiven() {
    Seeded seeded = Seeded.named("RegisterValuesTest");
    RegisterValues values = values();
    for (Register register : table.all()) {
      boolean free = register.place() instanceof Place.Gpr || register.place() instanceof Place.Xsave;
      if (free && !register.name().equals("eflags")) {
        byte[] given = seeded.bytes(register.bytes());
        values.set(register, given);
        assertThat(values.get(register)).as(register.name()).isEqualTo(given);
      }
    }
    values.set(named("cs"), new byte[4]);
    assertThat(hex(values.get(named("cs")))).isEqualTo("33000000");
    assertThat(hex(values.get(named("orig_rax")))).isEqualTo("ff".repeat(8));
  }

  @Test
  void theDebuggersOwnTrapFlagIsNotShown() {
    gpr[128] = 0x02;
    gpr[129] = 0x03; // TF and IF
    assertThat(hex(values().get(named("eflags")))).isEqualTo("02020000");
  }

  @Test
  void tagsOfTheX87Stack() {
    xsave[XSTATE_BV] = 1;
    area().putShort(2, (short) (6 << 11)); // TOP = 6: ST0 is physical register 6
    xsave[4] = (byte) 0b1100_0000;
    area().putLong(32, 1L << 63).putShort(40, (short) 0x3FFF); // ST0 = 1.0
    // ST1 = 0
    assertThat(hex(values().get(named("ftag")))).as("6 valid, 7 zero, the rest empty").isEqualTo("ff4f0000");
    area().putShort(40, (short) 0x7FFF); // infinity
    assertThat(hex(values().get(named("ftag")))).as("6 special").isEqualTo("ff6f0000");
    RegisterValues values = values();
    values.set(named("ftag"), HexFormat.of().parseHex("fffc0000"));
    assertThat(values.xsave()[4]).as("physical register 4").isEqualTo((byte) 0b0001_0000);
  }
}
