package org.enclavisor.testkit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Contract.assertEnclu;
import static org.enclavisor.testkit.Reg.R8;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Reg.RDX;
import static org.enclavisor.testkit.Testbed.DATA;

import java.util.ArrayList;
import java.util.concurrent.CompletableFuture;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.Test;

/** Several processors run at the same time in one memory. */
interface ParallelContract extends Contract {

  @Test
  default void processorsCountTogether() {
    int processors = 4;
    int turns = (int) (busyTurns() / 100);
    try (var testbed = new Testbed(platform(), processors)) {
      // loop: lock inc [rbx]; sub rcx, 1; jnz loop; enclu
      long rip = testbed.program(c -> {
        var loop = c.label();
        c.bind(loop).lockInc(RBX, 0).sub(RCX, 1).jnz(loop).enclu();
      });
      var exits = new ArrayList<CompletableFuture<Exit>>();
      for (int i = 0; i < processors; i++) {
        var registers = testbed.at(rip);
        registers.rbx = testbed.address(DATA);
        registers.rcx = turns;
        exits.add(Testbed.start(testbed.processor(), registers));
      }
      exits.forEach(exit -> assertEnclu(Testbed.await(exit)));
      assertThat(testbed.word(DATA)).isEqualTo((long) processors * turns);
    }
  }

  /** Each waits for a word of the other: with one processor at a time this would never end. */
  @Test
  default void twoProcessorsWaitForEachOther() {
    try (var testbed = new Testbed(platform(), 2)) {
      int turns = 200;
      // r8 = 0; loop: r8++; mov [rbx], r8; spin: pause; mov rdx, [rcx]; cmp rdx, r8; jnz spin; cmp r8, turns; jnz loop
      long first = testbed.program(c -> {
        var loop = c.label();
        var spin = c.label();
        c.mov(R8, 0).bind(loop).add(R8, 1).store(RBX, 0, R8);
        c.bind(spin).pause().load(RDX, RCX, 0).cmp(RDX, R8).jnz(spin).cmp(R8, turns).jnz(loop).enclu();
      });
      // r8 = 0; loop: r8++; spin: pause; mov rdx, [rbx]; cmp rdx, r8; jnz spin; mov [rcx], r8; cmp r8, turns; jnz loop
      long second = testbed.program(0x1000, c -> {
        var loop = c.label();
        var spin = c.label();
        c.mov(R8, 0).bind(loop).add(R8, 1);
        c.bind(spin).pause().load(RDX, RBX, 0).cmp(RDX, R8).jnz(spin);
        c.store(RCX, 0, R8).cmp(R8, turns).jnz(loop).enclu();
      });
      var exits = new ArrayList<CompletableFuture<Exit>>();
      for (long rip : new long[] {first, second}) {
        var registers = testbed.at(rip);
        registers.rbx = testbed.address(DATA);
        registers.rcx = testbed.address(DATA + 0x1000);
        exits.add(Testbed.start(testbed.processor(), registers));
      }
      exits.forEach(exit -> assertEnclu(Testbed.await(exit)));
      assertThat(testbed.word(DATA)).isEqualTo(turns);
      assertThat(testbed.word(DATA + 0x1000)).isEqualTo(turns);
    }
  }

  @Test
  default void hostAndEnclaveTalkThroughUntrustedMemory() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // spin: pause; mov rdx, [rbx]; cmp rdx, 5; jnz spin; mov rax, 6; mov [rbx + 8], rax;
      // wait: pause; mov rdx, [rbx]; cmp rdx, 7; jnz wait; enclu
      var registers = testbed.at(testbed.program(c -> {
        var spin = c.label();
        var wait = c.label();
        c.bind(spin).pause().load(RDX, RBX, 0).cmp(RDX, 5).jnz(spin).mov(RAX, 6).store(RBX, 8, RAX);
        c.bind(wait).pause().load(RDX, RBX, 0).cmp(RDX, 7).jnz(wait).enclu();
      }));
      registers.rbx = testbed.space().untrustedBase() + 0x1000;
      var exit = Testbed.start(processor, registers);
      testbed.untrusted(0x1000, 5);
      testbed.awaitUntrusted(0x1008, 6);
      testbed.untrusted(0x1000, 7);
      assertEnclu(Testbed.await(exit));
    }
  }

  @Test
  default void exitsAndFaultsOfManyProcessorsDoNotMix() {
    int processors = 4;
    try (var testbed = new Testbed(platform(), processors)) {
      // enclu; ud2; mov rax, [rbx]
      long rip = testbed.program(c -> c.enclu().ud2().load(RAX, RBX, 0));
      var done = new ArrayList<CompletableFuture<Void>>();
      for (int i = 0; i < processors; i++) {
        var processor = testbed.processor();
        long page = testbed.address(Testbed.NOTHING + 0x100 * i);
        done.add(CompletableFuture.runAsync(
            () -> manyExits(testbed, processor, rip, page), task -> Thread.ofPlatform().daemon().start(task)));
      }
      done.forEach(CompletableFuture::join);
    }
  }

  private static void manyExits(Testbed testbed, LogicalProcessor processor, long rip, long page) {
    var seeded = Seeded.of(page);
    for (int i = 0; i < 200; i++) {
      var given = EntryContract.random(seeded, rip + 3L * (i % 3) - (i % 3 == 2 ? 1 : 0));
      given.rbx = page;
      var registers = testbed.at(rip);
      registers.set(given);
      var exit = processor.enter(registers, Extended.KEEP);
      switch (i % 3) {
        case 0 -> assertEnclu(exit);
        case 1 -> assertThat(exit).isEqualTo(new Exit.Fault(6, 0, 0));
        default -> assertThat(((Exit.Fault) exit).address()).isEqualTo(page);
      }
      assertThat(registers).hasToString(given.toString());
    }
  }

  /**
   * A debugger's breakpoint: the monitor changes a page of code in which threads run, and sets its permissions again;
   * then all of them come to the new bytes. The page has ENCLU sites that have been used, so that a platform that has
   * something of its own there must bring it up to date.
   */
  @Test
  default void codeThatTheMonitorChangesIsNewForEveryThread() {
    int processors = 2;
    long page = 0x1000;
    try (var testbed = new Testbed(platform(), processors)) {
      AddressSpace space = testbed.space();
      // loop: jmp page; back: jmp loop. page: lock inc [rbx]; jmp back; 64: mov eax, 4; enclu
      long loop = testbed.address(0);
      testbed.program(page, c -> c.lockInc(RBX, 0).jmp(R8).padTo(64).enclu(4));
      testbed.program(c -> c.jmp(RCX));
      var cpus = new ArrayList<LogicalProcessor>();
      var all = new ArrayList<Registers>();
      for (int i = 0; i < processors; i++) {
        cpus.add(testbed.processor());
        for (int turn = 0; turn < 3; turn++) {
          assertEnclu(cpus.get(i).enter(testbed.at(testbed.address(page + 64)), Extended.KEEP));
        }
        var registers = testbed.at(loop);
        registers.rbx = space.untrustedBase() + 64 * i;
        registers.rcx = testbed.address(page);
        registers.r8 = loop;
        all.add(registers);
      }
      byte original = space.enclave().get(JAVA_BYTE, page);
      for (int round = 0; round < 20; round++) {
        var exits = new ArrayList<CompletableFuture<Exit>>();
        for (int i = 0; i < processors; i++) {
          long before = testbed.untrusted(64 * i);
          exits.add(Testbed.start(cpus.get(i), all.get(i)));
          testbed.awaitUntrusted(64 * i, before + 20);
        }
        space.enclave().set(JAVA_BYTE, page, (byte) 0xcc);
        space.protect(page, 0x1000, Permissions.RX);
        for (int i = 0; i < processors; i++) {
          assertThat(Testbed.await(exits.get(i))).isEqualTo(new Exit.Fault(3, 0, 0));
          assertThat(all.get(i).rip).isEqualTo(testbed.address(page));
        }
        space.enclave().set(JAVA_BYTE, page, original);
        space.protect(page, 0x1000, Permissions.RX);
        assertEnclu(cpus.get(0).enter(testbed.at(testbed.address(page + 64)), Extended.KEEP));
      }
    }
  }
}
