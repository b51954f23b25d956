package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Contract.assertEnclu;
import static org.enclavisor.testkit.Contract.assertInterrupt;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.junit.jupiter.api.Test;

/** Enclave code can be interrupted anywhere, and goes on as if nothing had been. */
interface InterruptContract extends Contract {

  @Test
  default void aLoopIsInterruptedAndGoesOn() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // loop: lock inc [rbx]; jmp loop
      long rip = testbed.program(c -> {
        var loop = c.label();
        c.bind(loop).lockInc(RBX, 0).jmp(loop);
      });
      var registers = testbed.at(rip);
      registers.rbx = testbed.space().untrustedBase();
      for (int i = 0; i < 10; i++) {
        long before = testbed.untrusted(0);
        var exit = Testbed.start(processor, registers);
        testbed.awaitUntrusted(0, before + 10);
        processor.interrupt();
        assertInterrupt(Testbed.await(exit));
        assertThat(registers.rip).isBetween(rip, rip + 20);
        long after = testbed.untrusted(0);
        assertThat(testbed.untrusted(0)).as("it has stopped").isEqualTo(after);
      }
    }
  }

  @Test
  default void anInterruptWithoutAnEntryIsNotRemembered() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // loop: sub rcx, 1; jnz loop; enclu
      long rip = testbed.program(c -> {
        var loop = c.label();
        c.bind(loop).sub(RCX, 1).jnz(loop).enclu();
      });
      for (int i = 0; i < 50; i++) {
        processor.interrupt();
        processor.interrupt();
        var registers = testbed.at(rip);
        registers.rcx = 1000;
        assertEnclu(processor.enter(registers, Extended.KEEP));
      }
    }
  }

  /** Interrupts a processor all the time, but not so fast that it never runs, until closed. */
  final class Storm implements AutoCloseable {
    private final AtomicBoolean over = new AtomicBoolean();
    private final Thread thread;

    Storm(LogicalProcessor processor) {
      thread = Thread.ofPlatform().daemon().name("storm").start(() -> {
        while (!over.get()) {
          processor.interrupt();
          LockSupport.parkNanos(20_000);
        }
      });
    }

    @Override
    public void close() {
      over.set(true);
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Test
  default void aStormLosesNoInstruction() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // loop: add rax, 1; sub rcx, 1; jnz loop; enclu
      long rip = testbed.program(c -> {
        var loop = c.label();
        c.bind(loop).add(RAX, 1).sub(RCX, 1).jnz(loop).enclu();
      });
      var registers = testbed.at(rip);
      registers.rcx = busyTurns();
      int interrupts = 0;
      try (var storm = new Storm(processor)) {
        Exit exit = processor.enter(registers, Extended.KEEP);
        while (exit instanceof Exit.Interrupt) {
          interrupts++;
          assertThat(registers.rip).isBetween(rip, rip + 20);
          assertThat(registers.rax + registers.rcx).isBetween(busyTurns(), busyTurns() + 1);
          exit = processor.enter(registers, Extended.KEEP);
        }
        assertEnclu(exit);
      }
      assertThat(registers.rax).isEqualTo(busyTurns());
      assertThat(interrupts).isPositive();
    }
  }

  @Test
  default void aStormSwallowsNoExit() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // loop: add rbx, 1; mov eax, 4; enclu; jmp loop
      long rip = testbed.program(c -> {
        var loop = c.label();
        c.bind(loop).add(RBX, 1).enclu(4).jmp(loop);
      });
      long enclu = rip + 7 + 5;
      var registers = testbed.at(rip);
      registers.rbx = 0;
      try (var storm = new Storm(processor)) {
        for (int exits = 1; exits <= 2000; ) {
          switch (processor.enter(registers, Extended.KEEP)) {
            case Exit.Enclu _ -> {
              assertThat(registers.rip).isEqualTo(enclu);
              assertThat(registers.rbx).as("exits").isEqualTo(exits);
              registers.rip += 3;
              exits++;
            }
            case Exit.Interrupt _ -> assertThat(registers.rip).isBetween(rip, enclu + 8);
            case Exit.Fault fault -> throw new AssertionError(fault + " " + registers);
            case Exit.Death death -> throw new AssertionError(death);
          }
        }
      }
    }
  }

  /** An exception and an interrupt at the same time: whichever is told, the other must not meet the next entry. */
  @Test
  default void anExceptionOfOneEntryNeverShowsInTheNext() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      long faulting = testbed.program(Code::ud2);
      long enclu = testbed.program(0x100, c -> c.nop().enclu());
      long other = testbed.program(0x200, c -> c.mov(RAX, 9).mov(RBX, 8).enclu());
      try (var storm = new Storm(processor)) {
        for (int i = 0; i < 2000; i++) {
          var first = testbed.at(i % 2 == 0 ? faulting : enclu);
          processor.enter(first, Extended.KEEP);
          var second = testbed.at(other);
          Exit exit = processor.enter(second, Extended.KEEP);
          while (exit instanceof Exit.Interrupt) {
            exit = processor.enter(second, Extended.KEEP);
          }
          assertEnclu(exit);
          assertThat(second.rax).isEqualTo(9);
        }
      }
    }
  }

  @Test
  default void interruptingOneProcessorLeavesTheOtherAlone() {
    try (var testbed = new Testbed(platform(), 2);
        var one = testbed.processor();
        var other = testbed.processor()) {
      // loop: lock inc [rbx]; mov rax, [rcx]; cmp rax, 0; jz loop; enclu
      long rip = testbed.program(c -> {
        var loop = c.label();
        c.bind(loop).lockInc(RBX, 0).load(RAX, RCX, 0).cmp(RAX, 0).jz(loop).enclu();
      });
      var first = testbed.at(rip);
      first.rbx = testbed.space().untrustedBase();
      first.rcx = testbed.space().untrustedBase() + 0x1000;
      var second = testbed.at(rip);
      second.rbx = testbed.space().untrustedBase() + 64;
      second.rcx = testbed.space().untrustedBase() + 0x1000;
      var firstExit = Testbed.start(one, first);
      var secondExit = Testbed.start(other, second);
      testbed.awaitUntrusted(0, 10);
      testbed.awaitUntrusted(64, 10);
      one.interrupt();
      assertInterrupt(Testbed.await(firstExit));
      assertThat(secondExit).isNotDone();
      testbed.awaitUntrusted(64, testbed.untrusted(64) + 10);
      testbed.untrusted(0x1000, 1);
      assertEnclu(Testbed.await(secondExit));
    }
  }
}
