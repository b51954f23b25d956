package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Contract.assertEnclu;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Reg.RDI;
import static org.enclavisor.testkit.Reg.RSI;
import static org.enclavisor.testkit.Testbed.DATA;
import static org.enclavisor.testkit.Testbed.STACK;

import java.util.LinkedHashMap;
import java.util.Map;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.Test;

/**
 * What only a real processor shows: stepping through its stranger instructions, what is privileged, and what an enclave
 * must not do by the manual (SDM 3D, “Illegal Instructions Inside an Enclave”) and does here, for nobody is told of it.
 * The tests of the last kind record what happens; a machine that lets us see more may change them.
 */
public interface NativeContract extends Contract {
  long TRAP = 1 << 8;
  int CODE_SELECTOR = 0x33;
  int DATA_SELECTOR = 0x2b;

  private static Exit run(Testbed testbed, Registers registers) {
    try (var processor = testbed.processor()) {
      return processor.enter(registers, Extended.KEEP);
    }
  }

  // ---- stepping

  @Test
  default void aStepIsOneTurnOfARepeatedInstruction() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      long rip = testbed.program(c -> c.raw(0xf3, 0xa4).nop().enclu()); // rep movsb
      testbed.word(DATA, 0x0807_0605_0403_0201L);
      var registers = testbed.at(rip);
      registers.rsi = testbed.address(DATA);
      registers.rdi = testbed.address(DATA + 64);
      registers.rcx = 5;
      registers.rflags |= TRAP;
      for (int left = 4; left >= 0; left--) {
        assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(new Exit.Fault(1, 0, 0));
        assertThat(registers.rcx).isEqualTo(left);
        assertThat(registers.rip).as("%d left", left).isEqualTo(left == 0 ? rip + 2 : rip);
        assertThat(testbed.word(DATA + 64)).isEqualTo(0x0807_0605_0403_0201L & (1L << 8 * (5 - left)) - 1);
      }
    }
  }

  // ---- privileged instructions

  /** Each leaves everything as it was. */
  @Test
  default void privilegedInstructionsAreGeneralProtectionFaults() {
    var instructions = new LinkedHashMap<String, int[]>();
    instructions.put("hlt", new int[] {0xf4});
    instructions.put("cli", new int[] {0xfa});
    instructions.put("sti", new int[] {0xfb});
    instructions.put("in al, dx", new int[] {0xec});
    instructions.put("in eax, 0x60", new int[] {0xe5, 0x60});
    instructions.put("out dx, al", new int[] {0xee});
    instructions.put("insb", new int[] {0x6c});
    instructions.put("outsb", new int[] {0x6e});
    instructions.put("rdmsr", new int[] {0x0f, 0x32});
    instructions.put("wrmsr", new int[] {0x0f, 0x30});
    instructions.put("mov rax, cr0", new int[] {0x0f, 0x20, 0xc0});
    instructions.put("mov cr3, rax", new int[] {0x0f, 0x22, 0xd8});
    instructions.put("mov rax, dr7", new int[] {0x0f, 0x21, 0xf8});
    instructions.put("clts", new int[] {0x0f, 0x06});
    instructions.put("wbinvd", new int[] {0x0f, 0x09});
    instructions.put("invd", new int[] {0x0f, 0x08});
    instructions.put("invlpg [rbx]", new int[] {0x0f, 0x01, 0x3b});
    instructions.put("lgdt [rbx]", new int[] {0x0f, 0x01, 0x13});
    instructions.put("lidt [rbx]", new int[] {0x0f, 0x01, 0x1b});
    instructions.put("lldt ax", new int[] {0x0f, 0x00, 0xd0});
    instructions.put("ltr ax", new int[] {0x0f, 0x00, 0xd8});
    instructions.put("lmsw ax", new int[] {0x0f, 0x01, 0xf0});
    instructions.put("swapgs", new int[] {0x0f, 0x01, 0xf8});
    instructions.put("xsetbv", new int[] {0x0f, 0x01, 0xd1});
    assertAllFault(13, instructions);
  }

  @Test
  default void instructionsThatDoNotExistAreUndefined() {
    var instructions = new LinkedHashMap<String, int[]>();
    instructions.put("ud0", new int[] {0x0f, 0xff, 0xc0});
    instructions.put("ud1", new int[] {0x0f, 0xb9, 0xc0});
    instructions.put("into", new int[] {0xce});
    instructions.put("pusha", new int[] {0x60});
    instructions.put("lds", new int[] {0xc5, 0x00}); // a VEX prefix in 64-bit mode, and not a valid one
    instructions.put("push es", new int[] {0x06});
    instructions.put("pop ds", new int[] {0x1f});
    instructions.put("far call to an immediate", new int[] {0x9a, 0, 0, 0, 0, 0x33, 0});
    instructions.put("monitor", new int[] {0x0f, 0x01, 0xc8});
    instructions.put("encls", new int[] {0x0f, 0x01, 0xcf});
    instructions.put("enclv", new int[] {0x0f, 0x01, 0xc0});
    assertAllFault(6, instructions);
  }

  private void assertAllFault(int vector, Map<String, int[]> instructions) {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      instructions.forEach((name, bytes) -> {
        var given = EntryContract.random(Seeded.of(name.hashCode()), testbed.program(c -> c.raw(bytes).enclu()));
        given.rbx = testbed.address(DATA);
        given.rdi = testbed.address(DATA);
        given.rsi = testbed.address(DATA);
        given.rsp = testbed.address(STACK);
        var registers = new Registers();
        registers.set(given);
        assertThat(processor.enter(registers, Extended.KEEP)).as(name).isEqualTo(new Exit.Fault(vector, 0, 0));
        assertThat(registers).as(name).hasToString(given.toString());
      });
      FaultContract.assertStillWorks(testbed, processor);
    }
  }

  // ---- what is not seen

  /** #UD in an enclave of SGX; here it tells what the processor under us is. */
  @Test
  default void unseenCpuid() {
    try (var testbed = testbed()) {
      var registers = testbed.at(testbed.program(c -> c.raw(0x0f, 0xa2).enclu()));
      assertEnclu(run(testbed, registers));
      var host = platform().machine().cpuid(0, 0);
      assertThat((int) registers.rbx).isEqualTo(host.ebx());
      assertThat((int) registers.rdx).isEqualTo(host.edx());
      assertThat((int) registers.rcx).isEqualTo(host.ecx());
    }
  }

  /** #UD in an enclave of SGX. */
  @Test
  default void unseenFarReturn() {
    try (var testbed = testbed()) {
      long target = testbed.program(0x1000, c -> c.mov(RAX, 77).enclu());
      var registers = testbed.at(testbed.program(c -> c.push(RCX).push(RBX).raw(0x48, 0xcb)));
      registers.rcx = CODE_SELECTOR;
      registers.rbx = target;
      assertEnclu(run(testbed, registers));
      assertThat(registers.rax).isEqualTo(77);
    }
  }

  /** #UD in an enclave of SGX. */
  @Test
  default void unseenFarJumpThroughMemory() {
    try (var testbed = testbed()) {
      long target = testbed.program(0x1000, c -> c.mov(RAX, 78).enclu());
      var registers = testbed.at(testbed.program(c -> c.raw(0xff, 0x2b))); // jmp far dword [rbx]: within 4 GiB
      registers.rbx = testbed.address(DATA);
      testbed.word(DATA, target & 0xffff_ffffL | (long) CODE_SELECTOR << 32);
      Exit exit = run(testbed, registers);
      // Without REX.W a far jump knows 32 bits of an address: it goes there, and faults at the fetch.
      assertThat(exit).isInstanceOf(Exit.Fault.class);
      assertThat(((Exit.Fault) exit).vector()).isEqualTo(14);
      assertThat(registers.rip).isEqualTo(target & 0xffff_ffffL);
    }
  }

  /** #UD in an enclave of SGX. */
  @Test
  default void unseenInterruptReturn() {
    try (var testbed = testbed()) {
      long target = testbed.program(0x1000, c -> c.mov(RAX, 79).enclu());
      var registers = testbed.at(testbed.program(
          c -> c.push(RCX).push(RDI).pushfq().push(RSI).push(RBX).raw(0x48, 0xcf)));
      registers.rcx = DATA_SELECTOR;
      registers.rdi = testbed.address(STACK - 64);
      registers.rsi = CODE_SELECTOR;
      registers.rbx = target;
      assertEnclu(run(testbed, registers));
      assertThat(registers.rax).isEqualTo(79);
      assertThat(registers.rsp).isEqualTo(testbed.address(STACK - 64));
    }
  }

  /** #UD in an enclave of SGX; here a selector of the operating system's is loaded, and the base with it. */
  @Test
  default void unseenSegmentLoads() {
    try (var testbed = testbed()) {
      // mov ds, ecx; mov es, ecx; mov ss, ecx; mov fs, edx; rdfsbase rax; enclu
      var registers = testbed.at(testbed.program(
          c -> c.raw(0x8e, 0xd9, 0x8e, 0xc1, 0x8e, 0xd1, 0x8e, 0xe2).rdfsbase(RAX).enclu()));
      registers.rcx = DATA_SELECTOR;
      registers.rdx = 0;
      registers.fsBase = 0x5000;
      assertEnclu(run(testbed, registers));
      assertThat(registers.rax).as("the base that a null selector leaves is the vendor's choice").isIn(0L, 0x5000L);
      assertThat(registers.fsBase).isEqualTo(registers.rax);
    }
  }

  /** The selectors that an entry starts with are an ordinary program's, whatever the last entry has loaded. */
  @Test
  default void segmentsDoNotOutliveAnEntryByAnException() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      long rip = testbed.program(c -> c.raw(0x8e, 0xd9).ud2()); // mov ds, ecx
      var registers = testbed.at(rip);
      registers.rcx = DATA_SELECTOR;
      assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(new Exit.Fault(6, 0, 0));
      FaultContract.assertStillWorks(testbed, processor);
    }
  }

  /** SGX gives #UD and leaves the registers; the machine has overwritten two when anybody hears of it. */
  @Test
  default void unseenLossesOfASystemCall() {
    try (var testbed = testbed()) {
      long rip = testbed.program(Code::syscall);
      var registers = testbed.at(rip);
      registers.rcx = 0x1111;
      registers.r11 = 0x2222;
      assertThat(run(testbed, registers)).isEqualTo(new Exit.Fault(6, 0, 0));
      assertThat(registers.rip).isEqualTo(rip);
      assertThat(registers.rcx).as("the next instruction").isEqualTo(rip + 2);
      assertThat(registers.r11).as("the flags").isEqualTo(0x202);
    }
  }

  /** XGETBV shows the machine's XCR0, which is not narrowed to an enclave's XFRM; states outside of that just work. */
  @Test
  default void unseenStatesOutsideOfXfrm() {
    try (var testbed = testbed()) {
      var registers = testbed.at(testbed.program(c -> c.raw(0x0f, 0x01, 0xd0).enclu()));
      registers.rcx = 0;
      assertEnclu(run(testbed, registers));
      long inside = registers.rdx << 32 | registers.rax & 0xffff_ffffL;
      assertThat(inside & platform().machine().xcr0()).isEqualTo(platform().machine().xcr0());
    }
  }

  /** #UD in an enclave of SGX1, allowed in one of SGX2: runs, always. */
  @Test
  default void unseenTimeStampCounter() {
    try (var testbed = testbed()) {
      // rdtsc; mov [data], rax; rdtscp; enclu
      var registers = testbed.at(testbed.program(
          c -> c.raw(0x0f, 0x31).store(testbed.address(DATA), RAX).raw(0x0f, 0x01, 0xf9).enclu()));
      assertEnclu(run(testbed, registers));
      assertThat(testbed.word(DATA)).isNotZero();
    }
  }

  /** #UD in an enclave of SGX; here the processor stores, or Linux pretends to (user-mode instruction prevention). */
  @Test
  default void unseenStoresOfDescriptorTables() {
    try (var testbed = testbed()) {
      // sgdt [rbx]; sidt [rbx + 16]; smsw eax
      var registers = testbed.at(testbed.program(
          c -> c.raw(0x0f, 0x01, 0x03, 0x0f, 0x01, 0x4b, 0x10, 0x0f, 0x01, 0xe0).enclu()));
      registers.rbx = testbed.address(DATA);
      assertEnclu(run(testbed, registers));
      assertThat(testbed.word(DATA)).as("a limit and a base").isNotZero();
    }
  }
}
