package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Reg.RDX;
import static org.enclavisor.testkit.Reg.RSP;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.ProcessDiedException;
import org.enclavisor.monitor.spi.Registers;
import org.enclavisor.testkit.Code;
import org.enclavisor.testkit.Seeded;
import org.enclavisor.testkit.Testbed;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Enclave code that attacks the stub it shares an address space with. Whatever it does, an entry comes to an end (an
 * exit of any kind, if need be after an interrupt, if need be by the process's death), the JVM goes on, and another
 * enclave beside it has not noticed.
 */
@Timeout(value = 300, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostileEnclaveTest {
  private static final long CODE_AT = 0x1000;
  private static final Duration PATIENCE = Duration.ofMillis(200);

  /** Passes by seccomp from Linux 6.17 on, and returns −ENXIO to everybody who is not a uprobe trampoline. */
  private static final int UPROBE = 336;

  private static final int RUN_MILLIS = 20;

  private static StubPlatform platform;
  private static StubPlatform impatient;
  private static Testbed bystander;
  private static LogicalProcessor bystanderProcessor;

  private StubPlatform home;
  private Testbed testbed;
  private LogicalProcessor processor;

  @BeforeAll
  static void open() {
    platform = StubPlatform.open(StubOptions.DEFAULT.waiting(WaitPolicy.SAME_CORE), PATIENCE);
    impatient = StubPlatform.open(StubOptions.DEFAULT.waiting(WaitPolicy.SAME_CORE), Duration.ofMillis(20));
    bystander = new Testbed(platform, 1);
    bystander.word(Testbed.DATA, 4711);
    bystanderProcessor = bystander.processor();
  }

  @AfterAll
  static void close() {
    impatient.close();
    platform.close();
  }

  @BeforeEach
  void fresh() {
    fresh(platform);
  }

  private void fresh(StubPlatform on) {
    home = on;
    testbed = new Testbed(on, 2);
    processor = testbed.processor();
  }

  @AfterEach
  void bystanderIsUnharmed() {
    testbed.close();
    var registers = bystander.at(bystander.program(c -> c.mov(RAX, 42).enclu()));
    assertThat(bystanderProcessor.enter(registers, Extended.KEEP)).isEqualTo(Exit.Enclu.INSTANCE);
    assertThat(registers.rax).isEqualTo(42);
    assertThat(bystander.word(Testbed.DATA)).isEqualTo(4711);
  }

  private StubLayout layout() {
    return ((StubAddressSpace) testbed.space()).layout();
  }

  private StubBlock block() {
    return new StubBlock(layout(), LinuxMachine.INSTANCE.xcr0());
  }

  /** Enters; after a while interrupts; the platform ends what does not react. A new enclave replaces a dead one. */
  private Exit attack(Registers registers) {
    CompletableFuture<Exit> exit = Testbed.start(processor, registers);
    Exit result = null;
    while (result == null) {
      try {
        result = exit.get(home == platform ? RUN_MILLIS : 1, TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        processor.interrupt();
      } catch (InterruptedException | ExecutionException e) {
        throw new AssertionError("the attack with %s came through to the JVM".formatted(registers), e);
      }
    }
    if (result instanceof Exit.Death) {
      testbed.close();
      fresh(home);
    }
    return result;
  }

  private Registers jumpTo(long address, Seeded seeded) {
    var registers = testbed.at(testbed.program(CODE_AT, c -> c.jmp(RAX)));
    registers.rbx = seeded.word();
    registers.rcx = seeded.word();
    registers.rdx = seeded.oneOf(List.of(0L, testbed.address(Testbed.DATA), seeded.word()));
    registers.rsi = seeded.oneOf(List.of(0L, testbed.address(Testbed.DATA), seeded.word()));
    registers.rdi = seeded.oneOf(List.of(0L, 12L, testbed.address(Testbed.DATA), seeded.word()));
    registers.r8 = seeded.oneOf(List.of(0L, testbed.address(Testbed.DATA), seeded.word()));
    registers.rsp = seeded.oneOf(List.of(
        testbed.address(Testbed.STACK), 0L, layout().block(0) + layout().blockBytes() - 256,
        layout().block(0) + StubLayout.MAILBOX + 128, layout().block(1) + layout().blockBytes() - 64, seeded.word()));
    registers.rax = address;
    return registers;
  }

  @Test
  void jumpsToEveryByteOfTheCommonText() {
    testbed.close();
    fresh(impatient);
    var seeded = Seeded.named("jumpsToEveryByteOfTheCommonText");
    for (int offset = 0; offset < 0x300; offset++) {
      attack(jumpTo(layout().stub() + offset, seeded));
    }
    for (int offset = 0x300; offset < StubLayout.BLOCKS; offset += 61) {
      attack(jumpTo(layout().stub() + offset, seeded));
    }
  }

  @Test
  void jumpsToEveryByteOfABlock() {
    testbed.close();
    fresh(impatient);
    var seeded = Seeded.named("jumpsToEveryByteOfABlock");
    int end = block().text().length;
    byte[] text = block().text();
    while (text[end - 1] == (byte) 0xCC) {
      end--;
    }
    for (int offset = 0; offset < end + 4; offset++) {
      attack(jumpTo(layout().block(seeded.below(2)) + offset, seeded));
    }
  }

  @Test
  void writesNonsenseAllOverItsMailbox() {
    var seeded = Seeded.named("writesNonsenseAllOverItsMailbox");
    // store: mov [rbx], rax; add rbx, 8; cmp rbx, rcx; jnz store; enclu
    long rip = testbed.program(CODE_AT, c -> {
      var store = c.label();
      c.bind(store).store(RBX, 0, RAX).add(RBX, 8).cmp(RBX, RCX).jnz(store).enclu();
    });
    for (int i = 0; i < 150; i++) {
      long block = layout().block(0);
      long bytes = layout().blockBytes();
      long from = StubLayout.MAILBOX + 8L * seeded.below(i % 2 == 0 ? 40 : (int) (bytes - StubLayout.MAILBOX) / 8);
      long to = Math.min(bytes, from + 8 + 8L * seeded.below(i % 3 == 0 ? 4 : 3000));
      var registers = testbed.at(rip);
      registers.rax = seeded.oneOf(List.of(0L, 1L, -1L, 3L, 0x8000_0000_0000L, block, block + 0x2000, seeded.word()));
      registers.rbx = block + from;
      registers.rcx = block + to;
      attack(registers);
      attack(testbed.at(testbed.program(0x2000, c -> c.mov(RAX, 1).enclu())));
    }
  }

  /** The second processor scribbles over the first one's mailbox all the time, while that comes and goes. */
  @Test
  void oneProcessorAttacksAnothersMailbox() {
    var seeded = Seeded.named("oneProcessorAttacksAnothersMailbox");
    for (int i = 0; i < 40; i++) {
      LogicalProcessor attacker = testbed.processor();
      long target = layout().block(((StubProcessor) processor).index()) + StubLayout.MAILBOX + 4L * seeded.below(70);
      var hostile = testbed.at(testbed.program(CODE_AT, c -> {
        var loop = c.label();
        c.bind(loop).store(RBX, 0, RAX).lockInc(RCX, 0).jmp(loop);
      }));
      hostile.rax = seeded.oneOf(List.of(0L, 1L, 2L, 3L, -1L, seeded.word()));
      hostile.rbx = target;
      hostile.rcx = testbed.space().untrustedBase();
      long before = testbed.untrusted(0);
      var running = Testbed.start(attacker, hostile);
      testbed.awaitUntrusted(0, before + 5);
      var dead = false;
      for (int j = 0; j < 20 && !dead; j++) {
        var old = testbed;
        attack(testbed.at(testbed.program(0x2000, c -> c.ud2())));
        attack(testbed.at(testbed.program(0x2000, c -> c.padTo(16).enclu(4))));
        dead = old != testbed;
      }
      attacker.interrupt();
      Testbed.await(running);
      attacker.close();
      testbed.close();
      fresh();
    }
  }

  /** Every call number from every SYSCALL instruction of the stub's; only what the stub itself does gets through. */
  @Test
  void systemCallsFromTheStubsOwnInstructions() throws IOException {
    var seeded = Seeded.named("systemCallsFromTheStubsOwnInstructions");
    for (int number = 0; number < 480; number++) {
      if (number == UPROBE) {
        continue;
      }
      for (int site = 0; site < 7; site++) {
        var registers = jumpTo(0, seeded);
        registers.rip = site(site) - 2;
        registers.rax = number;
        boolean itsOwn = switch (site) {
          case 1, 2 -> number == Syscall.FUTEX;
          case 3 -> number == Syscall.SIGALTSTACK;
          default -> false;
        };
        var old = testbed;
        int pid = ((StubAddressSpace) testbed.space()).pid();
        String mapsBefore = maps(pid);
        Exit exit = attack(registers);
        if (!itsOwn) {
          assertThat(exit).as("call %d from site %d", number, site).isEqualTo(new Exit.Fault(6, 0, 0));
          assertThat(registers.rip).isEqualTo(site(site) - 2);
        }
        if (old == testbed) {
          assertThat(maps(pid)).isEqualTo(mapsBefore);
        }
      }
    }
  }

  /**
   * 0: the steward's, 1 and 2: the futex calls', 3: sigaltstack's, 4: the steward's for the table of orders, 5: a new
   * thread's, 6: the steward's word that a table is done; the address behind each.
   */
  private long site(int which) {
    StubBlock block = block();
    return switch (which) {
      case 0 -> new StubProgram(layout(), block, 0).stewardSite();
      case 1 -> layout().block(1) + block.wakeSite();
      case 2 -> layout().block(0) + block.sleepSite();
      case 3 -> layout().block(0) + block.stackSite();
      case 4 -> new StubProgram(layout(), block, 0).tableSite();
      case 5 -> new StubProgram(layout(), block, 0).birthSite();
      default -> new StubProgram(layout(), block, 0).doneSite();
    };
  }

  private static String maps(int pid) throws IOException {
    return Files.readString(Path.of("/proc/" + pid + "/maps"));
  }

  /** What passes without a question from the steward's instructions does so in its own thread only. */
  @Test
  void theStewardsTableIsForTheStewardAlone() throws IOException {
    int pid = ((StubAddressSpace) testbed.space()).pid();
    String maps = maps(pid);
    for (int site : new int[] {4, 5}) {
      for (int call : new int[] {Syscall.MPROTECT, Syscall.SECCOMP}) {
        var registers = testbed.at(site(site) - 2);
        registers.rax = call;
        registers.rdi = call == Syscall.MPROTECT ? testbed.address(0) : SeccompFilter.SET_MODE_FILTER;
        registers.rsi = call == Syscall.MPROTECT ? 0x1000 : 0;
        registers.rdx = call == Syscall.MPROTECT ? 7 : layout().stub() + StubLayout.THREAD_FILTER;
        assertThat(attack(registers)).isEqualTo(new Exit.Fault(6, 0, 0));
      }
    }
    // The whole way: all permissions for a page of code, by the table that the steward was given for the page before.
    testbed.space().protect(0x3000, 0x1000, org.enclavisor.isa.Permissions.RWX);
    testbed.space().protect(0x3000, 0x1000, org.enclavisor.isa.Permissions.RX);
    for (long before = 0; before < 64; before++) {
      attack(jumpTo(site(4) - before, Seeded.of(before)));
    }
    assertThat(maps(((StubAddressSpace) testbed.space()).pid())).doesNotContain("rwxs");
    assertThat(maps).doesNotContain("rwxs");
  }

  /**
   * Knowing the site is not enough for a steward's call: the number in R8 is a secret, and it is new in each
   * process.
   */
  @Test
  void theStewardsCallsCannotBeGuessed() {
    var seeded = Seeded.named("theStewardsCallsCannotBeGuessed");
    for (int i = 0; i < 200; i++) {
      var registers = testbed.at(site(0) - 2);
      registers.rax = seeded.oneOf(List.of(9L, 10L, 11L, 56L, (long) StubProgram.NEXT));
      registers.rdi = testbed.address(0);
      registers.rsi = 0x1000;
      registers.rdx = 7;
      registers.r8 = seeded.word();
      assertThat(attack(registers)).isEqualTo(new Exit.Fault(6, 0, 0));
    }
  }

  /** Leaves by the patched way with every flag that could trip the stub up. */
  @Test
  void hostileFlagsAtAPatchedSite() {
    long rip = testbed.program(CODE_AT, c -> c.popfq().nop().padTo(16).enclu(4));
    for (long flags : new long[] {0, 1 << 10, 1 << 14, 1 << 18, 1 << 21, 1 << 10 | 1 << 14 | 1 << 18 | 0xC5}) {
      for (int i = 0; i < 4; i++) {
        testbed.word(Testbed.STACK - 8, flags);
        var registers = testbed.at(rip);
        registers.rsp = testbed.address(Testbed.STACK - 8);
        assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(Exit.Enclu.INSTANCE);
        assertThat(registers.rip).isEqualTo(testbed.address(CODE_AT) + 16 + 5);
        assertThat(registers.rax).isEqualTo(4);
        assertThat(registers.rflags).isEqualTo(flags | 0x202);
        assertThat(registers.rsp).isEqualTo(testbed.address(Testbed.STACK));
      }
    }
  }

  /** Single-steps through the patched way: each entry ends, and none with anything but a step or the leaf. */
  @Test
  void singleStepsThroughAPatchedSite() {
    long rip = testbed.program(CODE_AT, c -> c.padTo(16).enclu(4));
    for (int i = 0; i < 3; i++) {
      processor.enter(testbed.at(rip + 16), Extended.KEEP); // now it is patched
    }
    var registers = testbed.at(rip + 12);
    registers.rflags |= 1 << 8;
    for (int i = 0; i < 30; i++) {
      Exit exit = processor.enter(registers, Extended.KEEP);
      if (exit instanceof Exit.Enclu) {
        assertThat(registers.rip).isEqualTo(rip + 21);
        return;
      }
      assertThat(exit).isEqualTo(new Exit.Fault(1, 0, 0));
    }
    throw new AssertionError("never came out: " + registers);
  }

  /** Puts its stack onto the signal stack, and faults there again and again. */
  @Test
  void faultsOnTheSignalStack() {
    long rip = testbed.program(CODE_AT, c -> c.ud2());
    long top = layout().block(0) + layout().blockBytes();
    for (long below = 0; below < layout().blockBytes(); below += 509) {
      var registers = testbed.at(rip);
      registers.rsp = top - below;
      attack(registers);
    }
  }

  /** Moves its FS base, to another processor's and to nowhere, and leaves by the patched way. */
  @Test
  void movesItsFsBaseBeforeItLeaves() {
    LogicalProcessor other = testbed.processor();
    long plain = testbed.program(CODE_AT, c -> c.padTo(16).enclu(4));
    long moving = testbed.program(CODE_AT + 0x100, c -> c.wrfsbase(RDX).padTo(16).enclu(4));
    for (int i = 0; i < 10; i++) {
      var mine = testbed.at(plain + 16);
      mine.fsBase = 0x1000;
      assertThat(processor.enter(mine, Extended.KEEP)).isEqualTo(Exit.Enclu.INSTANCE);
      var others = testbed.at(moving);
      others.fsBase = 0x2000;
      others.rdx = 0x3000; // nobody's
      assertThat(other.enter(others, Extended.KEEP)).isEqualTo(Exit.Enclu.INSTANCE);
      assertThat(others.rip).isEqualTo(moving + 21);
      assertThat(others.rax).isEqualTo(4);
      assertThat(others.fsBase).isEqualTo(0x3000);
    }
    var thief = testbed.at(moving);
    thief.fsBase = 0x2000;
    thief.rdx = 0x1000; // the first processor's: it comes out of the wrong mailbox, and hangs only itself
    processor = other;
    attack(thief);
  }

  /** Two processors with one FS base leave by a trap, each by its own mailbox. */
  @Test
  void twoProcessorsWithOneFsBase() throws InterruptedException {
    LogicalProcessor other = testbed.processor();
    long rip = testbed.program(CODE_AT, c -> c.padTo(16).enclu(4));
    var threads = List.of(processor, other).stream().map(p -> Thread.ofPlatform().unstarted(() -> {
      for (int i = 0; i < 500; i++) {
        var registers = testbed.at(rip + 16);
        registers.fsBase = 0x5000;
        registers.rbx = System.identityHashCode(p);
        assertThat(p.enter(registers, Extended.KEEP)).isEqualTo(Exit.Enclu.INSTANCE);
        assertThat(registers.rbx).isEqualTo(System.identityHashCode(p));
      }
    })).toList();
    var failures = new java.util.concurrent.ConcurrentLinkedQueue<Throwable>();
    threads.forEach(t -> t.setUncaughtExceptionHandler((thread, failure) -> failures.add(failure)));
    threads.forEach(Thread::start);
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failures).isEmpty();
  }

  /** A far jump into 32-bit code, which has other system calls. */
  @Test
  void thirtyTwoBitCode() {
    // push 0x23; push 0x10000; retfq: nothing is mapped there
    long rip = testbed.program(CODE_AT, c -> c.raw(0x6A, 0x23, 0x68, 0, 0, 1, 0, 0x48, 0xCB));
    assertThat(attack(testbed.at(rip))).isInstanceOf(Exit.Fault.class);
    // In an enclave that lies low it can run: mov eax, 20; int 0x80; mov eax, 1; sysenter
    try (var low = platform.create(new AddressSpaceLayout(0x10_0000, 0x10000, 0, 1)); var cpu = low.processor()) {
      byte[] code = Code.at(0x10_0000)
          .raw(0x6A, 0x23, 0x68, 0x40, 0, 0x10, 0, 0x48, 0xCB).padTo(0x40)
          .raw(0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xB8, 1, 0, 0, 0, 0x0F, 0x34).bytes();
      low.enclave().asSlice(0, code.length).copyFrom(java.lang.foreign.MemorySegment.ofArray(code));
      low.protect(0, 0x1000, org.enclavisor.isa.Permissions.RX);
      low.protect(0x8000, 0x1000, org.enclavisor.isa.Permissions.RW);
      var registers = new Registers();
      registers.rip = 0x10_0000;
      registers.rsp = 0x10_9000;
      assertThat(cpu.enter(registers, Extended.KEEP)).isInstanceOfAny(Exit.Fault.class, Exit.Death.class);
    }
  }

  /** The old vsyscall page is not a way around the filter. */
  @Test
  void theVsyscallPage() {
    long rip = testbed.program(CODE_AT, c -> c.jmp(RAX));
    for (long call : new long[] {0xFFFF_FFFF_FF60_0000L, 0xFFFF_FFFF_FF60_0400L, 0xFFFF_FFFF_FF60_0800L}) {
      var registers = testbed.at(rip);
      registers.rax = call;
      registers.rsp -= 8;
      assertThat(attack(registers)).isInstanceOf(Exit.Fault.class);
    }
  }

  /** Writes into its mailbox that it is the host's turn, and runs on. Permissions hold; an interrupt gets it back. */
  @Test
  void pretendsToHaveLeftAndRunsOn() {
    long rip = testbed.program(CODE_AT, c -> {
      var loop = c.label();
      c.store(RBX, 0, RAX).bind(loop).lockInc(RCX, 0).store(RDX, 0, RAX).jmp(loop);
    });
    var registers = testbed.at(rip);
    registers.rbx = layout().block(0) + StubLayout.MAILBOX + Mailbox.CONTROL;
    registers.rcx = testbed.space().untrustedBase();
    registers.rdx = testbed.address(Testbed.DATA);
    Exit first = attack(registers);
    assertThat(first).isNotInstanceOf(Exit.Death.class);
    testbed.awaitUntrusted(0, testbed.untrusted(0) + 10);
    // It counts as being outside; but what it may not do, it cannot: it faults, and waits for its turn at last.
    testbed.space().protect(Testbed.DATA, 0x1000, org.enclavisor.isa.Permissions.R);
    long count = testbed.untrusted(0);
    testbed.word(Testbed.DATA, 99);
    var next = testbed.at(testbed.program(0x2000, c -> c.mov(RAX, 42).enclu()));
    Exit second = attack(next);
    assertThat(second).isNotInstanceOf(Exit.Death.class);
    assertThat(testbed.untrusted(0)).isBetween(count, count + 1);
    assertThat(testbed.word(Testbed.DATA)).isEqualTo(99);
  }

  /** The same, and the space is made to stand still: whatever it pretends, the kernel says that it has stopped. */
  @Test
  void pretendsToHaveLeftAndIsStoppedAllTheSame() throws InterruptedException {
    long rip = testbed.program(CODE_AT, c -> {
      var loop = c.label();
      c.store(RBX, 0, RAX).bind(loop).lockInc(RCX, 0).lockInc(RDX, 0).jmp(loop);
    });
    var registers = testbed.at(rip);
    registers.rbx = layout().block(0) + StubLayout.MAILBOX + Mailbox.CONTROL;
    registers.rcx = testbed.space().untrustedBase();
    registers.rdx = testbed.address(Testbed.DATA);
    assertThat(attack(registers)).isNotInstanceOf(Exit.Death.class);
    for (int i = 0; i < 10; i++) {
      testbed.awaitUntrusted(0, testbed.untrusted(0) + 1000);
      testbed.space().quiesce();
      long written = testbed.word(Testbed.DATA);
      long count = testbed.untrusted(0);
      Thread.sleep(2);
      assertThat(testbed.word(Testbed.DATA)).isEqualTo(written);
      assertThat(testbed.untrusted(0)).isEqualTo(count);
      testbed.space().resume();
    }
  }

  /** Its processors wake each other, sleep where honest ones sleep, and scribble over each other's control words. */
  @Test
  void standsStillWhateverItsThreadsDo() throws InterruptedException {
    LogicalProcessor other = testbed.processor();
    var seeded = Seeded.named("standsStillWhateverItsThreadsDo");
    for (int i = 0; i < 20; i++) {
      long victim = layout().block(i % 2) + StubLayout.MAILBOX + Mailbox.CONTROL;
      long rip = testbed.program(CODE_AT, c -> {
        var loop = c.label();
        c.bind(loop).store(RBX, 0, RAX).lockInc(RCX, 0).jmp(loop);
      });
      var attacker = testbed.at(rip);
      attacker.rax = seeded.below(4);
      attacker.rbx = victim;
      attacker.rcx = testbed.space().untrustedBase();
      var first = Testbed.start(processor, attacker);
      var second = Testbed.start(other, jumpTo(layout().block(1) + seeded.below(block().text().length), seeded));
      Thread.sleep(1);
      try {
        testbed.space().quiesce();
        long count = testbed.untrusted(0);
        Thread.sleep(1);
        assertThat(testbed.untrusted(0)).isEqualTo(count);
        testbed.space().resume();
      } catch (ProcessDiedException e) {
        assertThat(e).hasMessageContaining("enclave"); // ended is stopped too
      }
      testbed.close();
      assertThat(Testbed.await(first)).isNotNull();
      assertThat(Testbed.await(second)).isNotNull();
      fresh();
      other = testbed.processor();
    }
  }

  /** A loop that nothing but an interrupt ends, with its stack nowhere. */
  @Test
  void loopsForEver() {
    long rip = testbed.program(CODE_AT, c -> {
      var loop = c.label();
      c.mov(RSP, 0L).bind(loop).jmp(loop);
    });
    assertThat(attack(testbed.at(rip))).isEqualTo(Exit.Interrupt.INSTANCE);
  }
}
