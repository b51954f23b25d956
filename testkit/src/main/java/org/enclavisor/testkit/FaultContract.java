package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Contract.assertEnclu;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Testbed.DATA;
import static org.enclavisor.testkit.Testbed.NOTHING;
import static org.enclavisor.testkit.Testbed.READ_ONLY;
import static org.enclavisor.testkit.Testbed.STACK;

import java.util.function.Consumer;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.Test;

/** Exceptions come with vector, error code, address and RIP, and harm nothing. */
interface FaultContract extends Contract {
  int WRITE = 2;
  int USER = 4;
  int FETCH = 16;
  long NON_CANONICAL = 0x1234_5678_9abc_def0L;
  long TRAP = 1 << 8;

  /**
   * Runs a program whose first instruction faults, several times, and checks everything but page faults: all registers
   * are as they were given.
   */
  private void assertFault(int vector, int errorCode, Consumer<Code> program, Consumer<Registers> setup) {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      var given = EntryContract.random(Seeded.of(vector), testbed.program(program));
      given.rsp = testbed.address(STACK);
      setup.accept(given);
      for (int i = 0; i < 5; i++) {
        var registers = new Registers();
        registers.set(given);
        assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(new Exit.Fault(vector, errorCode, 0));
        assertThat(registers).hasToString(given.toString());
      }
      assertStillWorks(testbed, processor);
    }
  }

  /** After whatever happened before, an ordinary program runs. */
  static void assertStillWorks(Testbed testbed, org.enclavisor.monitor.spi.LogicalProcessor processor) {
    // mov rax, 42; enclu
    var registers = testbed.at(testbed.program(0x3000, c -> c.mov(RAX, 42).enclu()));
    assertEnclu(processor.enter(registers, Extended.KEEP));
    assertThat(registers.rax).isEqualTo(42);
  }

  @Test
  default void divideError() {
    assertFault(0, 0, c -> c.div(RCX), r -> r.rcx = 0);
  }

  @Test
  default void divideErrorOfAQuotientThatIsTooLarge() {
    assertFault(0, 0, c -> c.div(RCX), r -> {
      r.rcx = 2;
      r.rdx = 2;
    });
  }

  @Test
  default void undefinedInstruction() {
    assertFault(6, 0, Code::ud2, r -> {});
  }

  @Test
  default void breakpointWithRipOnTheInstruction() {
    assertFault(3, 0, Code::int3, r -> {});
  }

  @Test
  default void breakpointOfTwoBytesWithRipOnTheInstruction() {
    assertFault(3, 0, c -> c.interrupt(3), r -> {});
  }

  @Test
  default void generalProtectionOfAPrivilegedInstruction() {
    assertFault(13, 0, Code::hlt, r -> {});
  }

  @Test
  default void generalProtectionOfANonCanonicalAddress() {
    assertFault(13, 0, c -> c.load(RAX, RBX, 0), r -> r.rbx = NON_CANONICAL);
  }

  @Test
  default void generalProtectionWithAnErrorCode() {
    assertFault(13, 0x21 << 3 | 2, c -> c.interrupt(0x21), r -> {});
  }

  @Test
  default void stackFault() {
    assertFault(12, 0, c -> c.push(RAX), r -> r.rsp = NON_CANONICAL);
  }

  @Test
  default void alignmentCheck() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      var registers = testbed.at(testbed.program(c -> c.load(RAX, RBX, 1)));
      registers.rbx = testbed.address(DATA);
      registers.rflags |= EntryContract.ALIGNMENT_CHECK;
      assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(new Exit.Fault(17, 0, 0));
      assertThat(registers.rip).isEqualTo(testbed.address(0));
      assertStillWorks(testbed, processor);
    }
  }

  @Test
  default void floatingPointExceptionOfSse() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // ldmxcsr [data]; vmovdqu ymm0, [data + 64]; vmovdqu ymm1, [data + 96]; divsd xmm0, xmm1
      long rip = testbed.program(c -> c
          .ldmxcsr(testbed.address(DATA)).vload(0, testbed.address(DATA + 64)).vload(1, testbed.address(DATA + 96))
          .padTo(64).divsd(0, 1));
      testbed.word(DATA, 0x1f80 & ~(1 << 9)); // division by zero is not masked
      testbed.word(DATA + 64, Double.doubleToRawLongBits(1));
      var registers = testbed.at(rip);
      assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(new Exit.Fault(19, 0, 0));
      assertThat(registers.rip).isEqualTo(rip + 64);
      assertStillWorks(testbed, processor);
    }
  }

  @Test
  default void singleStep() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      long rip = testbed.program(c -> c.nop().nop().enclu());
      var registers = testbed.at(rip);
      registers.rflags |= TRAP;
      for (int i = 1; i <= 2; i++) {
        assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(new Exit.Fault(1, 0, 0));
        assertThat(registers.rip).as("the next instruction").isEqualTo(rip + i);
        assertThat(registers.rflags & TRAP).isEqualTo(TRAP);
      }
      registers.rflags &= ~TRAP;
      assertEnclu(processor.enter(registers, Extended.KEEP));
    }
  }

  /** Where a platform has put something faster in place of ENCLU, a step is still what the program says. */
  @Test
  default void steppingComesByEveryInstructionOfAWornEncluSite() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      long rip = testbed.program(c -> c.padTo(16).enclu(4).nop().enclu().nop()) + 16;
      for (int i = 0; i < 5; i++) {
        assertEnclu(processor.enter(testbed.at(rip), Extended.KEEP));
        var bare = testbed.at(rip + 9);
        bare.rax = 7;
        assertEnclu(processor.enter(bare, Extended.KEEP));
      }
      var given = EntryContract.random(Seeded.named("steppingComesByEveryInstruction"), rip);
      given.rflags |= TRAP | EntryContract.CARRY;
      var registers = new Registers();
      registers.set(given);
      assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(new Exit.Fault(1, 0, 0));
      given.rax = 4;
      given.rip = rip + 5;
      assertThat(registers).as("behind MOV").hasToString(given.toString());
      assertEnclu(processor.enter(registers, Extended.KEEP));
      given.rcx = registers.rcx; // EEXIT's
      assertThat(registers).as("at ENCLU").hasToString(given.toString());
      registers.rip = rip + 8;
      assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(new Exit.Fault(1, 0, 0));
      assertThat(registers.rip).as("behind NOP").isEqualTo(rip + 9);
      assertEnclu(processor.enter(registers, Extended.KEEP));
      assertThat(registers.rip).as("at the second ENCLU").isEqualTo(rip + 9);
      assertThat(registers.rflags & TRAP).isEqualTo(TRAP);
    }
  }

  /** Many steps with the flag of the entry, through calls, jumps and loads; the last is the program's own exit. */
  @Test
  default void aProgramCanBeSteppedThroughToItsEnd() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // loop: add rax, 3; push rax; pop rbx; sub rcx, 1; jnz loop; enclu
      long rip = testbed.program(c -> {
        var loop = c.label();
        c.bind(loop).add(RAX, 3).push(RAX).pop(RBX).sub(RCX, 1).jnz(loop).enclu();
      });
      var registers = testbed.at(rip);
      registers.rcx = 50;
      int steps = 0;
      registers.rflags |= TRAP;
      Exit exit = processor.enter(registers, Extended.KEEP);
      while (exit.equals(new Exit.Fault(1, 0, 0))) {
        steps++;
        assertThat(registers.rflags & TRAP).isEqualTo(TRAP);
        exit = processor.enter(registers, Extended.KEEP);
      }
      assertEnclu(exit);
      assertThat(steps).isEqualTo(50 * 5);
      assertThat(registers.rbx).isEqualTo(150);
    }
  }

  @Test
  default void aTrapFlagThatEnclaveCodeSets() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // push rax; popfq; nop; nop; enclu
      long rip = testbed.program(c -> c.push(RAX).popfq().nop().nop().enclu());
      var registers = testbed.at(rip);
      registers.rax = EntryContract.ALWAYS | TRAP;
      assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(new Exit.Fault(1, 0, 0));
      assertThat(registers.rip).as("behind the first nop").isEqualTo(rip + 3);
      registers.rflags &= ~TRAP;
      assertEnclu(processor.enter(registers, Extended.KEEP));
    }
  }

  /** A page fault at an address, with RIP and all registers unchanged; the P bit is open. */
  private void assertPageFault(Testbed testbed, Registers given, int errorCode, long address) {
    try (var processor = testbed.processor()) {
      for (int i = 0; i < 3; i++) {
        var registers = new Registers();
        registers.set(given);
        assertThat(processor.enter(registers, Extended.KEEP)).isInstanceOfSatisfying(Exit.Fault.class, fault -> {
          assertThat(fault.vector()).as("vector of %s", fault).isEqualTo(14);
          assertThat(fault.errorCode() & ~1).as("error code of %s", fault).isEqualTo(errorCode | USER);
          assertThat(fault.address()).isEqualTo(address);
        });
        assertThat(registers).hasToString(given.toString());
      }
      assertStillWorks(testbed, processor);
    }
  }

  private void assertReadFaults(Testbed testbed, long address) {
    var registers = testbed.at(testbed.program(c -> c.load(RAX, RBX, 0)));
    registers.rbx = address;
    assertPageFault(testbed, registers, 0, address);
  }

  private void assertWriteFaults(Testbed testbed, long address) {
    var registers = testbed.at(testbed.program(c -> c.store(RBX, 0, RAX)));
    registers.rbx = address;
    assertPageFault(testbed, registers, WRITE, address);
  }

  private void assertFetchFaults(Testbed testbed, long address) {
    var registers = testbed.at(address);
    assertPageFault(testbed, registers, FETCH, address);
  }

  @Test
  default void pageFaultsOfAPageThatIsNotAccessible() {
    try (var testbed = testbed()) {
      assertReadFaults(testbed, testbed.address(NOTHING + 0x128));
      assertWriteFaults(testbed, testbed.address(NOTHING + 0xff8));
      assertFetchFaults(testbed, testbed.address(NOTHING + 0x10));
    }
  }

  @Test
  default void pageFaultsOfAPageThatMayOnlyBeRead() {
    try (var testbed = testbed()) {
      testbed.word(READ_ONLY, 7);
      assertWriteFaults(testbed, testbed.address(READ_ONLY));
      assertFetchFaults(testbed, testbed.address(READ_ONLY));
    }
  }

  @Test
  default void dataAndUntrustedMemoryAreNotExecutable() {
    try (var testbed = testbed()) {
      testbed.program(DATA, Code::enclu);
      assertFetchFaults(testbed, testbed.address(DATA));
      assertFetchFaults(testbed, testbed.space().untrustedBase());
    }
  }

  @Test
  default void codeIsNotWritable() {
    try (var testbed = testbed()) {
      assertWriteFaults(testbed, testbed.address(0x1000));
    }
  }

  @Test
  default void pageFaultsOutsideOfEverything() {
    try (var testbed = testbed()) {
      for (long address : new long[] {
        0, 0xfff, testbed.address(Testbed.SIZE), testbed.address(-8),
        testbed.space().untrustedBase() - 8, 0x7fff_ffff_e000L
      }) {
        assertReadFaults(testbed, address);
        assertWriteFaults(testbed, address);
        assertFetchFaults(testbed, address);
      }
    }
  }

  @Test
  default void anAccessThatFaultsInItsSecondPageDoesNothing() {
    try (var testbed = testbed()) {
      testbed.word(STACK - 8, 0x5555);
      var registers = testbed.at(testbed.program(c -> c.store(RBX, 0, RAX)));
      registers.rax = -1;
      registers.rbx = testbed.address(STACK - 4);
      assertPageFault(testbed, registers, WRITE, testbed.address(STACK));
      assertThat(testbed.word(STACK - 8)).isEqualTo(0x5555);
    }
  }

  @Test
  default void anInstructionGoesOnWhenItsPageHasCome() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // mov rax, [rbx]; enclu
      long rip = testbed.program(c -> c.load(RAX, RBX, 0).enclu());
      var registers = testbed.at(rip);
      registers.rbx = testbed.address(NOTHING);
      assertThat(processor.enter(registers, Extended.KEEP)).isInstanceOf(Exit.Fault.class);
      testbed.word(NOTHING, 99);
      testbed.space().protect(NOTHING, 0x1000, Permissions.R);
      assertEnclu(processor.enter(registers, Extended.KEEP));
      assertThat(registers.rax).isEqualTo(99);
    }
  }

  /** SYSCALL cannot give RCX and R11 back; everything else is as before the instruction. */
  private void assertNoSystemCall(Consumer<Code> instruction, long number) {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      long rip = testbed.program(instruction);
      for (int i = 0; i < 3; i++) {
        var given = EntryContract.random(Seeded.of(number), rip);
        given.rax = number;
        var registers = new Registers();
        registers.set(given);
        assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(new Exit.Fault(6, 0, 0));
        registers.rcx = given.rcx;
        registers.r11 = given.r11;
        assertThat(registers).hasToString(given.toString());
      }
      assertStillWorks(testbed, processor);
    }
  }

  @Test
  default void systemCallsAreUndefinedInstructions() {
    // read, write, mmap, mprotect, munmap, rt_sigreturn, getpid, clone, exit, kill, prctl, exit_group, none, x32's
    for (long number : new long[] {0, 1, 9, 10, 11, 15, 39, 56, 60, 62, 157, 231, 100_000, -1, 0x4000_0027L}) {
      assertNoSystemCall(Code::syscall, number);
    }
  }

  @Test
  default void systemCallsOf32BitProgramsAreUndefinedInstructions() {
    for (long number : new long[] {1, 4, 20, 37, 252, 100_000}) { // exit, write, getpid, kill, exit_group, none
      assertNoSystemCall(c -> c.interrupt(0x80), number);
    }
  }
}
