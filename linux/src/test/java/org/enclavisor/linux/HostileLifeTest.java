package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Reg.RDX;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.Registers;
import org.enclavisor.testkit.Testbed;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Enclave code that meddles while its process gets a new thread, and processes that die at a bad moment. */
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostileLifeTest {

  private static StubAddressSpace space(Testbed testbed) {
    return (StubAddressSpace) testbed.space();
  }

  /** Who steals a thread at its birth is ended, and does not get another one with each attempt. Takes ten seconds. */
  @Test
  void aThreadThatIsStolenAtItsBirthEndsTheProcess() {
    boolean stolen = false;
    for (int i = 0; i < 50 && !stolen; i++) { // the enclave has to be quick
      try (var platform = StubPlatform.open(); var testbed = new Testbed(platform, 2);
          var first = testbed.processor()) {
        stolen = stealsAThread(testbed, first);
      }
    }
    assertThat(stolen).isTrue();
  }

  private static boolean stealsAThread(Testbed testbed, LogicalProcessor first) {
    long spin = testbed.program(0x1000, c -> {
      var loop = c.label();
      c.bind(loop).pause().jmp(loop);
    });
    long rip = testbed.program(c -> {
      var loop = c.label();
      c.bind(loop).store(RBX, 0, RAX).store(RBX, Mailbox.RIP, RDX).lockInc(RCX, 0).jmp(loop);
    });
    var registers = testbed.at(rip);
    registers.rax = Mailbox.GUEST; // and KIND: by jump
    registers.rdx = spin;
    registers.rbx = space(testbed).layout().block(1) + StubLayout.MAILBOX;
    registers.rcx = testbed.space().untrustedBase();
    var running = Testbed.start(first, registers);
    testbed.awaitUntrusted(0, 100);
    try {
      testbed.processor();
      return false;
    } catch (PlatformException e) {
      assertThat(e).hasMessageContaining("new thread");
      assertThat(Testbed.await(running)).isInstanceOf(Exit.Death.class);
      return true;
    }
  }

  /** A new thread begins with the steward's registers; a fault of it does not show what makes the steward's calls. */
  @Test
  void aNewThreadDoesNotShowTheStewardsNumber() {
    boolean faulted = false;
    for (int i = 0; i < 50 && !faulted; i++) { // the enclave has to be quick
      try (var platform = StubPlatform.open(); var testbed = new Testbed(platform, 2);
          var first = testbed.processor()) {
        faulted = makesANewThreadFault(testbed, first);
      }
    }
    assertThat(faulted).isTrue();
  }

  private static boolean makesANewThreadFault(Testbed testbed, LogicalProcessor first) {
    StubLayout layout = space(testbed).layout();
    // Not a stack_t of the table: the new thread's sigaltstack is refused, and the SIGSYS comes to its block.
    long rip = testbed.program(c -> {
      var loop = c.label();
      c.bind(loop).store(RBX, Mailbox.STACK, RAX).lockInc(RCX, 0).jmp(loop);
    });
    var registers = testbed.at(rip);
    registers.rax = 0x1234;
    registers.rbx = layout.block(1) + StubLayout.MAILBOX;
    registers.rcx = testbed.space().untrustedBase();
    var running = Testbed.start(first, registers);
    testbed.awaitUntrusted(0, 100);
    try (var second = testbed.processor()) {
      first.interrupt();
      assertThat(Testbed.await(running)).isEqualTo(Exit.Interrupt.INSTANCE);
      long frame = read(testbed, first, layout.block(1) + StubLayout.MAILBOX + Mailbox.FRAME);
      if (frame == 0) {
        return false;
      }
      assertThat(read(testbed, first, frame + SignalFrame.RIP)).isBetween(layout.block(1), layout.block(1) + 0x1000);
      assertThat(read(testbed, first, frame + SignalFrame.R15)).isZero();
      assertThat(read(testbed, first, frame + SignalFrame.R8)).isZero();
      return true;
    }
  }

  /** As enclave code reads it. */
  private static long read(Testbed testbed, LogicalProcessor processor, long address) {
    var registers = testbed.at(testbed.program(0x1000, c -> c.load(RAX, RBX, 0).enclu()));
    registers.rbx = address;
    assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(Exit.Enclu.INSTANCE);
    return registers.rax;
  }

  /** An ENCLU behind what looks like MOV EAX, 4, and is the tail of something else: it does the same each time. */
  @Test
  void whatOnlyLooksLikeAMovIsLeftAlone() {
    int[][] tails = {
      {0x49, 0x8D, 0xB8, 4, 0, 0, 0}, // lea rdi, [r8 + 4]
      {0x48, 0x8D, 0xB8, 4, 0, 0, 0}, // lea rdi, [rax + 4]
      {0x48, 0x8D, 0xBC, 0xB8, 4, 0, 0, 0}, // lea rdi, [rax + 4 * rdi + 4]
      {0x49, 0x8B, 0xB8, 4, 0, 0, 0} // mov rdi, [r8 + 4]
    };
    try (var platform = StubPlatform.open(); var testbed = new Testbed(platform, 1);
        var processor = testbed.processor()) {
      for (int tail = 0; tail < tails.length; tail++) {
        int number = tail;
        long rip = testbed.program(0x1000L * tail, c -> c.padTo(16).raw(tails[number]).enclu());
        long first = 0;
        for (int i = 0; i < 4; i++) {
          var registers = testbed.at(rip);
          registers.rax = 4;
          registers.rdi = 1;
          registers.r8 = testbed.address(Testbed.DATA);
          assertThat(processor.enter(registers, Extended.KEEP)).as("tail %d", tail).isEqualTo(Exit.Enclu.INSTANCE);
          assertThat(registers.rip).isEqualTo(rip + 16 + tails[tail].length);
          first = i == 0 ? registers.rdi : first;
          assertThat(registers.rdi).as("tail %d", tail).isEqualTo(first);
        }
      }
    }
  }

  /** A process that dies while a site is being patched is a death like any other, and nothing is thrown. */
  @Test
  void deathsWhileSitesArePatched() {
    for (int round = 0; round < 20; round++) {
      try (var platform = StubPlatform.open(); var testbed = new Testbed(platform, 1);
          var processor = testbed.processor()) {
        int pid = space(testbed).pid();
        long rip = testbed.program(c -> {
          for (int i = 0; i < 3000; i++) {
            c.nop().enclu();
          }
        });
        var killer = Thread.ofPlatform().start(() -> {
          LockSupport.parkNanos(2_000_000);
          Kernel.tgkill(pid, pid, Kernel.SIGKILL);
        });
        Exit exit = Exit.Enclu.INSTANCE;
        for (int i = 0; exit instanceof Exit.Enclu; i = (i + 1) % 3000) {
          exit = processor.enter(testbed.at(rip + 4L * i), Extended.KEEP);
        }
        assertThat(exit).isInstanceOf(Exit.Death.class);
        join(killer);
      }
    }
  }

  /** A death while the host spins is no exit, although the turn is the host's again and the mailbox says something. */
  @Test
  void aDeathWhileSpinningIsADeath() {
    for (int round = 0; round < 300; round++) {
      try (var platform = StubPlatform.open(StubOptions.DEFAULT.waiting(WaitPolicy.SPIN));
          var testbed = new Testbed(platform, 1);
          var processor = testbed.processor()) {
        int pid = space(testbed).pid();
        long leave = testbed.program(c -> c.padTo(16).enclu(4)); // so that there is a site with the number 0
        processor.enter(testbed.at(leave + 16), Extended.KEEP);
        long rip = testbed.program(0x1000, c -> {
          var loop = c.label();
          c.bind(loop).sub(RCX, 1).jnz(loop).enclu();
        });
        long enclu = rip + 7 + 6;
        var killer = Thread.ofPlatform().start(() -> {
          LockSupport.parkNanos(1_000_000);
          Kernel.tgkill(pid, pid, Kernel.SIGKILL);
        });
        Exit exit = Exit.Enclu.INSTANCE;
        while (exit instanceof Exit.Enclu) {
          var registers = testbed.at(rip);
          registers.rcx = 20_000;
          exit = processor.enter(registers, Extended.KEEP);
          assertThat(exit instanceof Exit.Enclu && registers.rip != enclu).as("an exit that nobody made").isFalse();
        }
        assertThat(exit).isInstanceOf(Exit.Death.class);
        join(killer);
      }
    }
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
