package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.enclavisor.testkit.Contract.assertDeath;
import static org.enclavisor.testkit.Contract.assertEnclu;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Testbed.DATA;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.concurrent.CompletableFuture;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.PlatformException;
import org.junit.jupiter.api.Test;

/** Processes die, address spaces are closed, and nothing else notices. */
interface LifeContract extends Contract {

  /** loop: lock inc [rbx]; jmp loop. */
  private static long loop(Testbed testbed) {
    return testbed.program(c -> {
      var loop = c.label();
      c.bind(loop).lockInc(RBX, 0).jmp(loop);
    });
  }

  @Test
  default void aKilledProcessIsADeathOnAllItsProcessorsAndNowhereElse() {
    try (var testbed = new Testbed(platform(), 3); var other = testbed(); var otherProcessor = other.processor()) {
      long rip = loop(testbed);
      var exits = new ArrayList<CompletableFuture<Exit>>();
      for (int i = 0; i < 2; i++) {
        var registers = testbed.at(rip);
        registers.rbx = testbed.space().untrustedBase() + 64 * i;
        exits.add(Testbed.start(testbed.processor(), registers));
        testbed.awaitUntrusted(64 * i, 10);
      }
      var idle = testbed.processor();
      kill(testbed.space());
      exits.forEach(exit -> assertDeath(Testbed.await(exit)));
      assertDeath(idle.enter(testbed.at(rip), Extended.KEEP));
      assertDeath(idle.enter(testbed.at(rip), Extended.LOAD));
      idle.interrupt();
      assertThatThrownBy(() -> testbed.space().protect(DATA, 0x1000, Permissions.R))
          .isInstanceOf(PlatformException.class);
      idle.close();
      assertThatThrownBy(() -> testbed.space().processor()).isInstanceOf(PlatformException.class);
      assertThat(testbed.untrusted(0)).as("memory can still be read").isPositive();
      FaultContract.assertStillWorks(other, otherProcessor);
    }
  }

  @Test
  default void closingEndsEveryEntryUnderWay() {
    var testbed = new Testbed(platform(), 2);
    long rip = loop(testbed);
    var exits = new ArrayList<CompletableFuture<Exit>>();
    for (int i = 0; i < 2; i++) {
      var registers = testbed.at(rip);
      registers.rbx = testbed.space().untrustedBase() + 64 * i;
      exits.add(Testbed.start(testbed.processor(), registers));
      testbed.awaitUntrusted(64 * i, 10);
    }
    testbed.close();
    exits.forEach(exit -> assertDeath(Testbed.await(exit)));
  }

  @Test
  default void afterCloseNothingWorksAndNothingBreaks() {
    var testbed = testbed();
    var processor = testbed.processor();
    var space = testbed.space();
    var enclave = space.enclave();
    var untrusted = space.untrusted();
    var registers = testbed.at(testbed.program(Code::enclu));
    assertEnclu(processor.enter(registers, Extended.KEEP));
    testbed.close();
    testbed.close();
    assertDeath(processor.enter(registers, Extended.KEEP));
    processor.interrupt();
    assertThatThrownBy(() -> space.protect(0, 0x1000, Permissions.R)).isInstanceOf(PlatformException.class);
    assertThatThrownBy(space::processor).isInstanceOf(PlatformException.class);
    assertThatThrownBy(() -> enclave.get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> untrusted.get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
    processor.close();
    processor.close();
  }

  @Test
  default void aClosedProcessorCannotBeEntered() {
    try (var testbed = testbed()) {
      var processor = testbed.processor();
      var registers = testbed.at(testbed.program(Code::enclu));
      processor.close();
      processor.close();
      processor.interrupt();
      assertThatThrownBy(() -> processor.enter(registers, Extended.KEEP)).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  default void thereAreAsManyProcessorsAsTheLayoutSays() {
    try (var testbed = new Testbed(platform(), 2)) {
      long rip = testbed.program(Code::enclu);
      for (int i = 0; i < 20; i++) {
        var one = testbed.processor();
        var two = testbed.processor();
        assertThatThrownBy(testbed::processor).isInstanceOf(PlatformException.class);
        assertEnclu(one.enter(testbed.at(rip), Extended.KEEP));
        assertEnclu(two.enter(testbed.at(rip), Extended.KEEP));
        one.close();
        two.close();
      }
    }
  }

  @Test
  default void aProcessorMayBeUsedByOneThreadAfterTheOther() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      long rip = testbed.program(Code::enclu);
      for (int i = 0; i < 20; i++) {
        assertEnclu(Testbed.await(Testbed.start(processor, testbed.at(rip))));
      }
    }
  }

  /** Carrier threads change under a virtual thread; a platform may not care. */
  @Test
  default void aProcessorMayBeUsedByAVirtualThread() throws InterruptedException {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      long rip = testbed.program(Code::enclu);
      var exits = new ArrayList<Exit>();
      Thread.ofVirtual().start(() -> {
        for (int i = 0; i < 50; i++) {
          exits.add(processor.enter(testbed.at(rip), Extended.KEEP));
          Thread.yield();
        }
      }).join();
      assertThat(exits).hasSize(50).containsOnly(Exit.Enclu.INSTANCE);
    }
  }

  @Test
  default void addressSpacesComeAndGo() {
    for (int i = 0; i < 20; i++) {
      try (var testbed = testbed(); var processor = testbed.processor()) {
        FaultContract.assertStillWorks(testbed, processor);
      }
    }
  }

  @Test
  default void theMachineDescribesItself() {
    var machine = platform().machine();
    assertThat(platform().name()).isNotBlank();
    assertThat(machine.xcr0() & 3).as("x87 and SSE are always there").isEqualTo(3);
    assertThat(machine.xsaveBytes()).isGreaterThanOrEqualTo(576).isLessThan(1 << 16);
    assertThat(machine.cpuid(0xd, 0).ebx()).isEqualTo(machine.xsaveBytes());
    assertThat(machine.cpuid(0, 0).eax()).isGreaterThanOrEqualTo(0xd);
  }

  @Test
  default void aLayoutWithNoRoomIsRefusedAndLeavesNothing() {
    assertThatThrownBy(() -> platform().create(new AddressSpaceLayout(0, 1L << 47, 0, 1)))
        .isInstanceOf(PlatformException.class);
  }
}
