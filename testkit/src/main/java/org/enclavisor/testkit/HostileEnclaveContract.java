package org.enclavisor.testkit;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Reg.R8;
import static org.enclavisor.testkit.Reg.R9;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Reg.RDI;
import static org.enclavisor.testkit.Reg.RDX;
import static org.enclavisor.testkit.Reg.RSI;
import static org.enclavisor.testkit.Reg.RSP;
import static org.enclavisor.testkit.SampleEnclave.DATA;
import static org.enclavisor.testkit.SampleEnclave.STACK;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.EnterOutcome.Exited;
import org.enclavisor.monitor.spi.Registers;
import org.enclavisor.testkit.SampleEnclave.Loaded;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Enclaves that attack what runs them: whatever they do ends, harms nobody else and leaves nothing behind. For
 * platforms that run real processes. An attack that kills its own enclave is no success.
 */
public abstract class HostileEnclaveContract extends HostileFixture {
  private static final long BUDGET_SECONDS = 3;
  private static final long LONG_BUDGET_SECONDS = 60;

  /** The calls that do most harm if they are made: munmap, mprotect, mmap, exit_group, kill, tgkill, clone, prctl… */
  private static final long[] CALLS = {9, 10, 11, 13, 14, 15, 28, 34, 39, 56, 57, 60, 62, 101, 131, 157, 231, 234};

  /** uretprobe and uprobe, which Linux lets past seccomp, and refuses unless they come from a page of the kernel's. */
  private static final List<Integer> UNFILTERED = List.of(335, 336);

  private static Registers random(Seeded seeded, List<Area> areas) {
    var registers = host();
    for (Reg reg : Reg.values()) {
      if (reg != RSP) {
        var area = seeded.oneOf(areas);
        reg.set(registers, seeded.chance(0.5) ? seeded.word() : area.start() + 8L * seeded.below(512));
      }
    }
    return registers;
  }

  @Test
  void systemCallsAreNotMade() {
    // mov rax, rdi; mov rdi, rsi; syscall (or int 0x80)
    for (Consumer<Code> instruction : List.<Consumer<Code>>of(Code::syscall, c -> c.interrupt(0x80))) {
      var attacker = new Attacker(HostileEnclave.of(c -> {
        c.mov(RAX, RDI).mov(RDI, RSI);
        instruction.accept(c);
        c.mov(RBX, RCX).enclu(4);
      }));
      for (int number = 0; number < 480; number++) {
        var registers = host();
        registers.rdi = number;
        EnterOutcome outcome = attacker.attack(registers, TimeUnit.SECONDS.toMillis(PATIENCE_SECONDS));
        if (!UNFILTERED.contains(number)) {
          assertThat(outcome).as("call %d", number).isEqualTo(new EnterOutcome.Faulted(Vector.UD, 0, 0));
        }
      }
      assertThat(attacker.deaths).isZero();
    }
  }

  @Test
  void jumpsIntoOurCodeHarmNobody() {
    jumpIntoOurCode(BUDGET_SECONDS);
  }

  @Test
  @Tag("soak")
  void jumpsIntoOurCodeForLongHarmNobody() {
    jumpIntoOurCode(LONG_BUDGET_SECONDS);
  }

  private void jumpIntoOurCode(long seconds) {
    var seeded = Seeded.named("jumpsIntoOurCode");
    // mov rax, rdx; jmp rdi: with a stack full of addresses and numbers
    var attacker = new Attacker(HostileEnclave.of(c -> c.mov(RAX, RDX).jmp(RDI)));
    var executable = areas(attacker.loaded, 'x');
    // Anywhere, for as long as there is time: some jumps end in a loop, and each of these takes a while.
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    int jumps = 0;
    while (System.nanoTime() < deadline) {
      Area area = seeded.oneOf(executable);
      var registers = random(seeded, executable);
      registers.rdi = area.start() + seeded.between(0, Math.min(area.end() - area.start(), 2L * PAGE) - 1);
      registers.rdx = CALLS[seeded.below(CALLS.length)];
      registers.rsp = attacker.loaded.base() + STACK - 0x800;
      for (long at = DATA; at < STACK; at += 8) {
        memory().set(JAVA_LONG, at, seeded.word());
      }
      attacker.attack(registers);
      jumps++;
    }
    assertThat(jumps).isPositive();
  }

  @Test
  void jumpsToTheKernelsOwnPageHarmNobody() {
    var attacker = new Attacker(HostileEnclave.of(c -> c.jmp(RDI)));
    for (long offset : new long[] {0, 0x400, 0x800, 0xc00, 1, 0xfff}) {
      var registers = host();
      registers.rdi = 0xffff_ffff_ff60_0000L + offset;
      registers.rsp = attacker.loaded.base() + STACK - 64;
      attacker.attack(registers);
    }
  }

  @Test
  void overwritingOurMemoryHarmsNobody() {
    // loop: mov [rdi], rsi; add rdi, 8; sub r9, 1; jnz loop; then leave in some way
    for (Consumer<Code> way : List.<Consumer<Code>>of(c -> c.mov(RBX, RCX).enclu(4), Code::ud2, Code::int3)) {
      var attacker = new Attacker(HostileEnclave.of(c -> {
        var loop = c.label();
        c.bind(loop).store(RDI, 0, RSI).add(RDI, 8).sub(R9, 1).jnz(loop);
        way.accept(c);
      }));
      var seeded = Seeded.named("overwritingOurMemory");
      for (Area area : areas(attacker.loaded, 'w')) {
        for (long page = area.start(); page < Math.min(area.end(), area.start() + 16L * PAGE); page += PAGE) {
          for (long value : new long[] {0, -1, seeded.word(), area.start()}) {
            var registers = host();
            registers.rdi = page;
            registers.rsi = value;
            registers.r9 = PAGE / 8;
            attacker.attack(registers);
          }
        }
      }
    }
  }

  /** One thread tramples on all that can be written while the other goes in and out. */
  @Test
  void aThreadThatTramplesHarmsNobody() {
    // rdx = 1: ud2 at once. Else: words from rdi to r9 are overwritten, again and again
    var attacker = new Attacker(HostileEnclave.of(c -> {
      var trample = c.label();
      var again = c.label();
      c.cmp(RDX, 1).jnz(trample).ud2();
      c.bind(trample).mov(R8, RDI);
      c.bind(again).store(R8, 0, RSI).add(R8, 8).add(RSI, 0x1357).cmp(R8, R9).jnz(again).jmp(trample);
    }));
    for (Area area : areas(attacker.loaded, 'w')) {
      var registers = host();
      registers.rdi = area.start();
      registers.r9 = Math.min(area.end(), area.start() + 4L * PAGE);
      registers.rdx = 0;
      Loaded loaded = attacker.loaded;
      var trampling = start(() -> eenter(loaded, 1, registers));
      for (int i = 0; i < 10 && attacker.loaded == loaded; i++) {
        var visitor = host();
        visitor.rdx = 1;
        attacker.attack(visitor);
      }
      if (attacker.loaded == loaded) {
        attacker.replace(); // removes, and with that ends the other thread
      }
      assertThat(interrupted(loaded, 1, trampling)).isNotInstanceOf(Exited.class);
    }
  }

  @Test
  void flagsHarmNobody() {
    // push rdi; popfq; the way out
    for (Consumer<Code> way : List.<Consumer<Code>>of(
        c -> c.mov(RBX, RCX).enclu(4), Code::ud2, Code::syscall, c -> c.nop().nop().mov(RBX, RCX).enclu())) {
      var attacker = new Attacker(HostileEnclave.of(c -> {
        c.mov(RAX, 4).push(RDI).popfq();
        way.accept(c);
      }));
      for (int bit = 0; bit < 22; bit++) {
        for (long others : new long[] {0, 0x254dd5}) {
          var registers = host();
          registers.rdi = 0x202 | 1L << bit | others;
          registers.rsp = attacker.loaded.base() + STACK;
          attacker.attack(registers);
        }
      }
      assertThat(attacker.deaths).as("flags kill nothing").isZero();
    }
  }

  @Test
  void selectorsAnd32BitModeHarmNobody() {
    // mov ds, edi; mov es, edi; mov fs, edi; mov gs, edi; ud2
    var loads = new Attacker(HostileEnclave.of(
        c -> c.raw(0x8e, 0xdf).raw(0x8e, 0xc7).raw(0x8e, 0xe7).raw(0x8e, 0xef).ud2()));
    for (int selector : new int[] {0, 1, 3, 0x23, 0x2b, 0x33, 0x2f, 0x53, 0x7b, 0xffff}) {
      var registers = host();
      registers.rdi = selector;
      loads.attack(registers);
    }
    // push rsi; push rdi; retfq: to a 32-bit code segment, where the code is: enclu; or ud2; int 0x80; sysenter; jmp .
    for (Consumer<Code> code : List.<Consumer<Code>>of(
        Code::enclu, Code::ud2, c -> c.interrupt(0x80), c -> c.raw(0x0f, 0x34), c -> c.raw(0xeb, 0xfe),
        Code::syscall)) {
      long there = 0x2000;
      var attacker = new Attacker(HostileEnclave.of(c -> {
        c.push(RSI).push(RDI).raw(0x48, 0xcb).padTo((int) there);
        code.accept(c);
      }).base(0x1000_0000));
      for (long selector : new long[] {0x23, 0x33, 0x2b, 0x10, 0}) {
        var registers = host();
        registers.rsi = selector;
        registers.rdi = attacker.loaded.base() + there;
        registers.rsp = attacker.loaded.base() + STACK;
        registers.rax = 1; // exit, in 32-bit numbers
        attacker.attack(registers);
      }
    }
  }

  @Test
  void segmentBasesHarmNobody() {
    for (Consumer<Code> way : List.<Consumer<Code>>of(c -> c.mov(RBX, RCX).enclu(4), Code::ud2)) {
      var attacker = new Attacker(HostileEnclave.of(c -> {
        c.wrfsbase(RDI).wrgsbase(RSI);
        way.accept(c);
      }));
      var bases = new ArrayList<Long>(List.of(0L, 1L, 0x7fff_ffff_ffffL, -1L, Long.MIN_VALUE >> 16, 1L << 47));
      areas(attacker.loaded, 'w').forEach(area -> bases.add(area.start()));
      bases.add(attacker.loaded.base() + SampleEnclave.fsBase(1)); // the other thread's
      bases.add(bystander.base() + SampleEnclave.fsBase(0));
      for (long base : bases) {
        for (int i = 0; i < 4; i++) {
          var registers = host();
          registers.rdi = base;
          registers.rsi = base;
          attacker.attack(registers);
        }
      }
    }
  }

  @Test
  void stackPointersHarmNobody() {
    for (Consumer<Code> way : List.<Consumer<Code>>of(
        c -> c.mov(RBX, RCX).enclu(4), Code::ud2, c -> c.push(RAX).ud2(), c -> c.raw(0x0f, 0x05))) {
      var attacker = new Attacker(HostileEnclave.of(c -> {
        c.mov(RSP, RDI);
        way.accept(c);
      }));
      var seeded = Seeded.named("stackPointers");
      for (Area area : areas(attacker.loaded, 'w')) {
        for (long page = area.start(); page < Math.min(area.end(), area.start() + 16L * PAGE); page += PAGE) {
          var registers = host();
          registers.rdi = page + seeded.below(PAGE);
          attacker.attack(registers);
        }
      }
    }
  }

  /** The enclave may write anything into its SSA, which ERESUME then reads. */
  @Test
  void inventedSsaFramesHarmNobody() {
    var attacker = new Attacker(HostileEnclave.of(Code::ud2));
    var seeded = Seeded.named("inventedSsaFrames");
    for (int i = 0; i < 200; i++) {
      Loaded loaded = attacker.loaded;
      assertThat(eenter(loaded, 0, host())).isInstanceOf(EnterOutcome.Faulted.class);
      long ssa = loaded.enclave().ssa(0, 0);
      long gpr = ssa + loaded.enclave().frame().gprOffset();
      boolean extended = seeded.chance(0.5);
      long start = extended ? ssa : gpr;
      int length = extended ? 576 : GprSgx.BYTES;
      for (int at = 0; at < length; at += 8) {
        if (seeded.chance(0.1)) { // most of it stays as it was, for otherwise the first check would stop all
          memory().set(JAVA_LONG, start + at, seeded.word());
        }
      }
      bounded(loaded, 0, () -> eresume(loaded, 0, host()));
      attacker.replace();
    }
  }

  /** Faults without end on two threads, and interrupts on top of them. */
  @Test
  void aStormOfFaultsHarmsNobody() {
    var attacker = new Attacker(HostileEnclave.of(c -> {
      var loop = c.label();
      c.bind(loop).pause().sub(RDI, 1).jnz(loop).ud2();
    }));
    Loaded loaded = attacker.loaded;
    var threads = new ArrayList<CompletableFuture<Void>>();
    for (int thread = 0; thread < 2; thread++) {
      int number = thread;
      threads.add(CompletableFuture.runAsync(
          () -> {
            for (int i = 0; i < 300; i++) {
              var registers = host();
              registers.rdi = 1 + i % 50;
              var outcome = eenter(loaded, number, registers);
              assertThat(outcome).isInstanceOfAny(EnterOutcome.Faulted.class, EnterOutcome.Interrupted.class);
              leave(loaded, number);
            }
          },
          task -> Thread.ofPlatform().daemon().start(task)));
    }
    while (!threads.stream().allMatch(CompletableFuture::isDone)) {
      device().interrupt(loaded.id(), loaded.tcs(0));
      device().interrupt(loaded.id(), loaded.tcs(1));
      LockSupport.parkNanos(200_000);
    }
    threads.forEach(CompletableFuture::join);
  }

  /** Through the handler, which may be interrupted as well. */
  private void leave(Loaded loaded, int thread) {
    EnterOutcome handler = eenter(loaded, thread, host());
    while (handler instanceof EnterOutcome.Interrupted) {
      handler = eresume(loaded, thread, host());
    }
    assertThat(handler).isEqualTo(Exited.INSTANCE);
    EnterOutcome out = eresume(loaded, thread, host());
    while (out instanceof EnterOutcome.Interrupted) {
      out = eresume(loaded, thread, host());
    }
    assertThat(out).isEqualTo(Exited.INSTANCE);
  }
}
