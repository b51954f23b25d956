package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.enclavisor.testkit.Contract.assertDeath;
import static org.enclavisor.testkit.Contract.assertEnclu;
import static org.enclavisor.testkit.Contract.assertInterrupt;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Testbed.DATA;

import java.util.ArrayList;
import java.util.concurrent.CompletableFuture;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.Test;

/** An address space can be made to stand still, and goes on as if nothing had been. */
interface QuiesceContract extends Contract {

  /** loop: lock inc [rbx]; jmp loop. */
  private static long loop(Testbed testbed) {
    return testbed.program(c -> {
      var loop = c.label();
      c.bind(loop).lockInc(RBX, 0).jmp(loop);
    });
  }

  @Test
  default void everyEntryComesOutAndNothingRunsUntilItIsResumed() throws InterruptedException {
    int processors = 3;
    try (var testbed = new Testbed(platform(), processors)) {
      long rip = loop(testbed);
      var cpus = new ArrayList<LogicalProcessor>();
      var all = new ArrayList<Registers>();
      for (int i = 0; i < processors; i++) {
        cpus.add(testbed.processor());
        all.add(testbed.at(rip));
        all.get(i).rbx = testbed.address(DATA + 0x1000 * i);
      }
      for (int round = 0; round < 5; round++) {
        var exits = new ArrayList<CompletableFuture<Exit>>();
        for (int i = 0; i < processors; i++) {
          long before = testbed.word(DATA + 0x1000 * i);
          exits.add(Testbed.start(cpus.get(i), all.get(i)));
          while (testbed.word(DATA + 0x1000 * i) < before + 10) {
            Thread.onSpinWait();
          }
        }
        testbed.space().quiesce();
        long[] counts = {testbed.word(DATA), testbed.word(DATA + 0x1000), testbed.word(DATA + 0x2000)};
        exits.forEach(exit -> assertInterrupt(Testbed.await(exit)));
        Thread.sleep(2);
        for (int i = 0; i < processors; i++) {
          assertThat(testbed.word(DATA + 0x1000 * i)).as("it has stopped").isEqualTo(counts[i]);
        }
        testbed.space().resume();
      }
    }
  }

  @Test
  default void anEntryMeanwhileIsAnInterruptAndChangesNothing() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      var given = EntryContract.random(Seeded.named("anEntryMeanwhile"), testbed.program(c -> c.mov(RAX, 1).enclu()));
      var registers = new Registers();
      registers.set(given);
      testbed.space().quiesce();
      for (int i = 0; i < 3; i++) {
        assertInterrupt(processor.enter(registers, Extended.KEEP));
        assertThat(registers).hasToString(given.toString());
      }
      testbed.word(DATA, 5);
      assertThat(testbed.word(DATA)).as("memory can be read and written").isEqualTo(5);
      testbed.space().resume();
      assertEnclu(processor.enter(registers, Extended.KEEP));
    }
  }

  /** An interrupted entry has an extended state like any other, with which it can be resumed. */
  @Test
  default void anEntryMeanwhileHasAnExtendedState() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      var registers = testbed.at(testbed.program(c -> c.stmxcsr(testbed.address(DATA)).enclu()));
      testbed.space().quiesce();
      assertInterrupt(processor.enter(registers, Extended.KEEP));
      testbed.space().resume();
      assertEnclu(processor.enter(registers, Extended.LOAD));
      assertThat(testbed.word(DATA)).isEqualTo(0x1f80);
    }
  }

  @Test
  default void everythingWorksAfterwards() {
    try (var testbed = new Testbed(platform(), 2); var processor = testbed.processor()) {
      for (int i = 0; i < 20; i++) {
        testbed.space().quiesce();
        testbed.space().resume();
        FaultContract.assertStillWorks(testbed, processor);
        testbed.space().protect(DATA, 0x1000, i % 2 == 0 ? Permissions.R : Permissions.RW);
      }
      try (var second = testbed.processor()) {
        FaultContract.assertStillWorks(testbed, second);
      }
    }
  }

  @Test
  default void standingStillTwiceOrNotAtAllIsAMistake() {
    try (var testbed = new Testbed(platform(), 2)) {
      var space = testbed.space();
      assertThatThrownBy(space::resume).isInstanceOf(IllegalStateException.class);
      space.quiesce();
      assertThatThrownBy(space::quiesce).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> space.protect(DATA, 0x1000, Permissions.R)).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(space::processor).isInstanceOf(IllegalStateException.class);
      space.resume();
      assertThatThrownBy(space::resume).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  default void whatStandsStillCanBeClosedAndKilled() {
    var closed = testbed();
    closed.space().quiesce();
    closed.close();
    try (var testbed = testbed(); var processor = testbed.processor()) {
      testbed.space().quiesce();
      kill(testbed.space());
      assertThatThrownBy(() -> testbed.space().resume()).isInstanceOf(PlatformException.class);
      assertDeath(processor.enter(testbed.at(testbed.address(0)), Extended.KEEP));
      processor.close();
    }
  }
}
