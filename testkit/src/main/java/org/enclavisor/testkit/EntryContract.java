package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Contract.assertEnclu;
import static org.enclavisor.testkit.Reg.R11;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Testbed.DATA;
import static org.enclavisor.testkit.Testbed.STACK;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.Test;

/** Registers go in and come out as they are, and ENCLU ends enclave code with RIP on the instruction. */
interface EntryContract extends Contract {
  long CARRY = 1;
  long ZERO = 1 << 6;
  long DIRECTION = 1 << 10;
  long ALIGNMENT_CHECK = 1 << 18;
  /** Bit 1 and IF, which are always set. */
  long ALWAYS = 0x202;

  /** Values without a pattern in all general registers; bases that a program may have. */
  static Registers random(Seeded seeded, long rip) {
    var registers = new Registers();
    for (Reg reg : Reg.values()) {
      reg.set(registers, seeded.word());
    }
    registers.fsBase = seeded.word() & 0x3fff_ffff_ffffL;
    registers.gsBase = seeded.word() & 0x3fff_ffff_ffffL;
    registers.rip = rip;
    return registers;
  }

  @Test
  default void anEntryBringsEveryRegister() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // mov [data + 8 * n], rN …; rdfsbase rax; rdgsbase rbx; mov [data + 128], rax; mov [data + 136], rbx; enclu
      long rip = testbed.program(c -> {
        for (Reg reg : Reg.values()) {
          c.store(testbed.address(DATA + 8 * reg.ordinal()), reg);
        }
        c.rdfsbase(RAX).rdgsbase(RBX);
        c.store(testbed.address(DATA + 128), RAX).store(testbed.address(DATA + 136), RBX).enclu();
      });
      var given = random(Seeded.named("anEntryBringsEveryRegister"), rip);
      var registers = new Registers();
      registers.set(given);
      assertEnclu(processor.enter(registers, Extended.KEEP));
      for (Reg reg : Reg.values()) {
        assertThat(testbed.word(DATA + 8 * reg.ordinal())).as(reg.name()).isEqualTo(reg.of(given));
      }
      assertThat(testbed.word(DATA + 128)).as("FS base").isEqualTo(given.fsBase);
      assertThat(testbed.word(DATA + 136)).as("GS base").isEqualTo(given.gsBase);
    }
  }

  @Test
  default void anExitShowsEveryRegister() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // wrfsbase rax; wrgsbase rbx; mov rN, [data + 8 * n] …; enclu
      long rip = testbed.program(c -> {
        c.wrfsbase(RAX).wrgsbase(RBX);
        for (Reg reg : Reg.values()) {
          c.load(reg, testbed.address(DATA + 8 * reg.ordinal()));
        }
        c.padTo(0x200).enclu();
      });
      var expected = random(Seeded.named("anExitShowsEveryRegister"), rip + 0x200);
      for (Reg reg : Reg.values()) {
        testbed.word(DATA + 8 * reg.ordinal(), reg.of(expected));
      }
      var registers = testbed.at(rip);
      registers.rax = expected.fsBase;
      registers.rbx = expected.gsBase;
      assertEnclu(processor.enter(registers, Extended.KEEP));
      assertThat(registers).hasToString(expected.toString());
    }
  }

  @Test
  default void segmentBasesAreUsed() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // mov rax, fs:[8]; mov rbx, gs:[16]; enclu
      var registers = testbed.at(testbed.program(c -> c.loadFs(RAX, 8).loadGs(RBX, 16).enclu()));
      registers.fsBase = testbed.address(DATA);
      registers.gsBase = testbed.address(DATA + 0x1000);
      testbed.word(DATA + 8, 0x1111);
      testbed.word(DATA + 0x1010, 0x2222);
      assertEnclu(processor.enter(registers, Extended.KEEP));
      assertThat(registers.rax).isEqualTo(0x1111);
      assertThat(registers.rbx).isEqualTo(0x2222);
    }
  }

  @Test
  default void flagsGoInAndComeOut() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // pushfq; pop rax; enclu
      long rip = testbed.program(c -> c.pushfq().pop(RAX).enclu());
      for (long flags : new long[] {0, CARRY, ZERO, DIRECTION, ALIGNMENT_CHECK, CARRY | DIRECTION | ALIGNMENT_CHECK}) {
        var registers = testbed.at(rip);
        registers.rflags = flags | ALWAYS;
        assertEnclu(processor.enter(registers, Extended.KEEP));
        assertThat(registers.rax).as("seen inside").isEqualTo(flags | ALWAYS);
        assertThat(registers.rflags).as("seen outside").isEqualTo(flags | ALWAYS);
      }
    }
  }

  @Test
  default void flagsThatOnlyAnOperatingSystemMaySetAreNotSet() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      var registers = testbed.at(testbed.program(c -> c.pushfq().pop(RAX).enclu()));
      registers.rflags = 3L << 12 | 1 << 17 | 1 << 19 | 1 << 20; // IOPL, VM, VIF, VIP; IF clear
      assertEnclu(processor.enter(registers, Extended.KEEP));
      assertThat(registers.rax).isEqualTo(ALWAYS);
      assertThat(registers.rflags).isEqualTo(ALWAYS);
    }
  }

  @Test
  default void segmentBasesThatNoProgramCanHaveAreAGeneralProtectionFault() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      long rip = testbed.program(c -> c.enclu());
      for (long base : new long[] {1L << 47, 1L << 62, Long.MIN_VALUE, -4096}) {
        for (boolean fs : new boolean[] {true, false}) {
          var registers = testbed.at(rip);
          registers.fsBase = fs ? base : 0;
          registers.gsBase = fs ? 0 : base;
          String given = registers.toString();
          assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(new Exit.Fault(13, 0, 0));
          assertThat(registers).hasToString(given);
        }
      }
      FaultContract.assertStillWorks(testbed, processor);
    }
  }

  @Test
  default void anEntryAtANonCanonicalAddressIsAFault() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      for (long rip : new long[] {1L << 47, 1L << 62, Long.MIN_VALUE, 0x1234_5678_9abc_def0L}) {
        var registers = testbed.at(rip);
        assertThat(processor.enter(registers, Extended.KEEP)).isInstanceOfSatisfying(
            Exit.Fault.class, fault -> assertThat(fault.vector()).isIn(13, 14));
      }
      FaultContract.assertStillWorks(testbed, processor);
    }
  }

  @Test
  default void encluLeavesRipOnTheInstructionAndNothingChanged() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      long rip = testbed.program(c -> c.enclu().nop().enclu());
      var seeded = Seeded.named("encluLeavesRipOnTheInstruction");
      for (int i = 0; i < 50; i++) {
        var given = random(seeded, rip);
        var registers = new Registers();
        registers.set(given);
        assertEnclu(processor.enter(registers, Extended.KEEP));
        assertThat(registers).hasToString(given.toString());
        registers.rip += 3;
        given.rip += 4;
        assertEnclu(processor.enter(registers, Extended.KEEP));
        assertThat(registers).hasToString(given.toString());
      }
    }
  }

  /** The form that compilers write, often enough for a platform to make it faster after a while. */
  @Test
  default void manyEntriesAtOnePlaceAreAllAlike() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // 0: mov eax, 4; enclu; 8: jmp 0
      long rip = testbed.program(c -> {
        var loop = c.label();
        c.bind(loop).enclu(4).jmp(loop);
      });
      byte[] before = bytes(testbed);
      var seeded = Seeded.named("manyEntriesAtOnePlace");
      var registers = random(seeded, rip);
      for (int i = 0; i < 1000; i++) {
        var given = random(seeded, registers.rip);
        registers.set(given);
        assertEnclu(processor.enter(registers, Extended.KEEP));
        given.rax = 4;
        given.rip = rip + 5;
        assertThat(registers).hasToString(given.toString());
        registers.rip = i % 3 == 0 ? rip + 5 : rip + 8; // sometimes the bare instruction
        if (i % 3 == 0) {
          var bare = random(seeded, rip + 5);
          registers.set(bare);
          assertEnclu(processor.enter(registers, Extended.KEEP));
          assertThat(registers).hasToString(bare.toString());
          registers.rip = rip + 8;
        }
      }
      assertThat(bytes(testbed)).as("the monitor's view of code that ran").isEqualTo(before);
    }
  }

  private static byte[] bytes(Testbed testbed) {
    return testbed.space().enclave().asSlice(Testbed.CODE, 0x4000).toArray(ValueLayout.JAVA_BYTE);
  }

  @Test
  default void theStackIsLeftAlone() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // enclu; ud2
      long rip = testbed.program(c -> c.enclu().ud2());
      byte[] pattern = Seeded.named("theStackIsLeftAlone").bytes((int) (STACK - DATA));
      MemorySegment.copy(MemorySegment.ofArray(pattern), 0, testbed.space().enclave(), DATA, pattern.length);
      var registers = testbed.at(rip);
      registers.rsp = testbed.address(DATA + 0x2000);
      for (int i = 0; i < 20; i++) {
        registers.rip = rip;
        assertEnclu(processor.enter(registers, Extended.KEEP));
        registers.rip = rip + 3;
        processor.enter(registers, Extended.KEEP);
      }
      assertThat(testbed.space().enclave().asSlice(DATA, pattern.length).toArray(ValueLayout.JAVA_BYTE))
          .as("red zone and everything else").isEqualTo(pattern);
    }
  }

  @Test
  default void untrustedMemoryIsReachedByItsAddress() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // mov r11, [rcx + 8]; mov [rcx + 16], r11; enclu
      var registers = testbed.at(testbed.program(c -> c.load(R11, RCX, 8).store(RCX, 16, R11).enclu()));
      registers.rcx = testbed.space().untrustedBase();
      testbed.untrusted(8, 0x123456789abcdefL);
      assertEnclu(processor.enter(registers, Extended.KEEP));
      assertThat(testbed.untrusted(16)).isEqualTo(0x123456789abcdefL);
    }
  }
}
