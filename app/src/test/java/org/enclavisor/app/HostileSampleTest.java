package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.EnclaveException;
import org.enclavisor.host.EnclaveLostException;
import org.enclavisor.host.SgxStatus;
import org.enclavisor.image.ThreadSlot;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * {@code examples/hostile}: an enclave that attacks its monitor ends nobody but itself. Beside every attacker a
 * neighbour on the same platform goes on answering; the numbers are {@code hostile.h}'s.
 */
@Timeout(120)
class HostileSampleTest {
  private static final int ANYWHERE = 0x1000;
  private static final int JUMP = 20;
  private static final int WRITE = 22;
  private static final int HOST_STACK = 26;
  private static final int FIND_PAGE = 27;
  private static final int FIND_SYSCALL = 28;
  private static final int STORM = 61;
  private static final int RACE_FRAME = 80;
  private static final int RACE_PAGE = 81;
  private static final int LEAVES = 82;
  private static final long NOT_CANONICAL = 1L << 63;

  /** How an attack may end. */
  enum End {
    /** The enclave's exception handlers, or the end of the enclave by its own runtime. */
    CRASHED,
    /** The enclave cannot go on, but nobody killed it. */
    LOST,
    /** The attack goes through and harms nobody: the result. */
    ONE,
    /** Depends on the platform: anything but a wrong answer from the neighbour. */
    ANY
  }

  record Attack(String name, int number, long argument, End end) {
    @Override
    public String toString() {
      return name + (argument == 0 ? "" : "(0x" + Long.toHexString(argument) + ")");
    }
  }

  private static final List<Attack> ATTACKS = List.of(
      new Attack("getpid", 1, 0, End.CRASHED),
      new Attack("exit_group", 2, 0, End.CRASHED),
      new Attack("fork", 3, 0, End.CRASHED),
      new Attack("signal to the parent", 4, 0, End.CRASHED),
      new Attack("code made writable", 5, 0, End.CRASHED),
      new Attack("mmap", 6, 1 << 20, End.CRASHED),
      new Attack("munmap", 7, ANYWHERE, End.CRASHED),
      new Attack("open", 8, 0, End.CRASHED),
      new Attack("ptrace", 9, 101, End.CRASHED),
      new Attack("clone", 9, 56, End.CRASHED),
      new Attack("forged sigreturn", 10, 0, End.CRASHED),
      new Attack("sysenter", 11, 0, End.ANY),
      new Attack("int 0x80", 12, 0, End.ANY),
      new Attack("32-bit code", 13, 0, End.CRASHED),
      new Attack("vsyscall", 14, 0, End.ANY),
      new Attack("jump to nothing", 20, ANYWHERE, End.CRASHED),
      new Attack("write to nothing", 22, ANYWHERE, End.CRASHED),
      new Attack("EEXIT to nowhere", 24, ANYWHERE, End.ANY),
      new Attack("no stack", 30, 0, End.CRASHED),
      new Attack("a wild stack", 31, ANYWHERE, End.CRASHED),
      new Attack("no stack for a leaf", 32, 0, End.ONE),
      new Attack("a wild stack for a leaf", 33, ANYWHERE, End.ONE),
      new Attack("TF", 40, 0, End.ANY),
      new Attack("TF for a leaf", 41, 0, End.ANY),
      new Attack("DF for a leaf", 42, 0, End.ONE),
      new Attack("AC for a leaf", 43, 0, End.ONE),
      new Attack("AC", 44, 0, End.CRASHED),
      new Attack("unmasked floating point for a leaf", 45, 0, End.ONE),
      new Attack("FS and GS bases for a leaf", 46, ANYWHERE, End.ONE),
      new Attack("FS and GS bases for an exception", 47, ANYWHERE, End.CRASHED),
      new Attack("null selectors for a leaf", 48, 0, End.ONE),
      new Attack("TF for EEXIT", 49, 0, End.ANY),
      new Attack("an unknown leaf", 50, 0x7f, End.CRASHED),
      new Attack("EENTER from inside", 50, 2, End.CRASHED),
      new Attack("ERESUME from inside", 50, 3, End.CRASHED),
      new Attack("hlt", 51, 0, End.CRASHED),
      new Attack("cli", 51, 1, End.CRASHED),
      new Attack("in", 51, 2, End.CRASHED),
      new Attack("rdmsr", 51, 4, End.CRASHED),
      new Attack("mov from cr3", 51, 5, End.CRASHED),
      new Attack("lgdt", 51, 6, End.CRASHED),
      new Attack("int 0x2e", 53, 0, End.CRASHED),
      new Attack("iret", 54, 0, End.ANY),
      new Attack("a write to its code", 55, 0, End.CRASHED),
      new Attack("a write to its TCS", 56, 0, End.CRASHED),
      new Attack("a jump into its data", 57, 0, End.CRASHED),
      new Attack("EREPORT to nowhere", 58, 1 << 20, End.CRASHED),
      new Attack("recursion", 62, 0, End.CRASHED),
      new Attack("a frame with a wild RIP", 70, NOT_CANONICAL, End.ANY),
      new Attack("a frame with a wild RSP", 71, NOT_CANONICAL, End.ANY),
      new Attack("a frame with all of RFLAGS", 72, 0xffff_ffffL, End.ANY),
      new Attack("a frame with wild bases", 73, Long.MAX_VALUE, End.LOST),
      new Attack("a frame with a broken XSAVE header", 74, 0, End.LOST),
      new Attack("a frame with all of XSTATE_BV", 75, Long.MAX_VALUE, End.LOST),
      new Attack("a frame with a reserved bit in MXCSR", 76, 0xffff_ffffL, End.LOST),
      new Attack("a frame with a wild host stack", 77, ANYWHERE, End.ANY),
      new Attack("a frame of ones", 78, 0, End.LOST));

  static Stream<Arguments> attacks() { // how the two sides wait makes no difference here
    return Stream.of(Way.STUB, Way.STUB_STRICT, Way.PTRACE)
        .flatMap(way -> ATTACKS.stream().map(attack -> Arguments.of(way, attack)));
  }

  interface Hostile {
    long attack(int number, long argument);
  }

  @FunctionalInterface
  interface Attacker {
    void attack(Enclave enclave, Hostile hostile, long target);
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("attacks")
  void anAttackEndsNobodyElse(Way way, Attack attack) {
    try (var hosting = Hosting.on(way); Enclave neighbour = hosting.load("calls");
        Enclave enclave = hosting.load("hostile")) {
      Object end = tryIt(enclave.bind(Hostile.class), attack.number(), attack.argument());
      switch (attack.end()) {
        case CRASHED -> assertThat(end).isIn(crashed(), stackOverrun(), "lost");
        case LOST -> assertThat(end).isEqualTo("lost");
        case ONE -> assertThat(end).isEqualTo(1L);
        case ANY -> {
          // The neighbour is what counts.
        }
      }
      assertThat(neighbour.call("add", 40, 2).value()).isEqualTo(42);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aStormOfExceptionsIsOutlived(Way way) {
    try (var hosting = Hosting.on(way); Enclave enclave = hosting.load("hostile")) {
      assertThat(enclave.bind(Hostile.class).attack(STORM, 2000)).isEqualTo(2000);
    }
  }

  /** It looks through all memory between the host's and its own, where the stub lies, and jumps to what it finds. */
  @Test
  void noSystemCallOfTheStubHelps() {
    try (var hosting = Hosting.on(Way.STUB); Enclave neighbour = hosting.load("calls")) {
      int sites = 0;
      for (long site = next(hosting, FIND_SYSCALL, HostileSampleTest::jump, 0); site != 0;
          site = next(hosting, FIND_SYSCALL, HostileSampleTest::jump, site + 1)) {
        sites++;
        assertThat(neighbour.call("add", 40, 2).value()).as("after a jump to 0x%x", site).isEqualTo(42);
      }
      assertThat(sites).as("system call instructions of the stub").isPositive();
    }
  }

  /**
   * It changes every page there to and fro, and then for good, while its other thread goes in and out: code, mailboxes,
   * signal stacks.
   */
  @Test
  void overwritingTheStubHarmsNobodyElse() {
    try (var hosting = Hosting.on(Way.STUB); Enclave neighbour = hosting.load("calls")) {
      int pages = 0;
      for (long page = next(hosting, FIND_PAGE, HostileSampleTest::overwrite, 0); page != 0;
          page = next(hosting, FIND_PAGE, HostileSampleTest::overwrite, page + 4096)) {
        pages++;
        assertThat(neighbour.call("add", 40, 2).value()).as("after writing to 0x%x", page).isEqualTo(42);
      }
      assertThat(pages).as("pages of the stub").isPositive();
    }
  }

  private static void overwrite(Enclave enclave, Hostile hostile, long page) {
    together(enclave,
        () -> tryIt(hostile, LEAVES, 1_000),
        () -> {
          if (Long.valueOf(1).equals(tryIt(hostile, RACE_PAGE, page))) {
            tryIt(hostile, WRITE, page);
          }
        });
  }

  /** Runs both at once. An enclave may bring its own callers to a halt: then closing it has to free them. */
  private static void together(Enclave enclave, Runnable one, Runnable other) {
    List<Thread> threads = List.of(Thread.ofPlatform().start(one), Thread.ofPlatform().start(other));
    boolean ended = true;
    for (Thread thread : threads) {
      ended &= join(thread, Duration.ofSeconds(3));
    }
    if (!ended) {
      enclave.close();
      for (Thread thread : threads) {
        assertThat(join(thread, Duration.ofSeconds(30))).as("closing the enclave freed its caller").isTrue();
      }
    }
  }

  /** One thread changes the saved state of the other while that is interrupted and resumed. */
  @ParameterizedTest
  @EnumSource
  void aFrameThatChangesWhileItIsReadHarmsNobodyElse(Way way) {
    try (var hosting = Hosting.on(way); Enclave neighbour = hosting.load("calls")) {
      for (int i = 0; i < 3; i++) {
        try (Enclave enclave = hosting.load("hostile")) {
          Hostile hostile = enclave.bind(Hostile.class);
          List<ThreadSlot> threads = enclave.image().threads();
          long distance = threads.get(1).offset() - threads.get(0).offset();
          together(enclave, () -> tryIt(hostile, STORM, 2_000), () -> tryIt(hostile, RACE_FRAME, distance));
        }
        assertThat(neighbour.call("add", 40, 2).value()).isEqualTo(42);
      }
    }
  }

  private static boolean join(Thread thread, Duration patience) {
    try {
      return thread.join(patience);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /**
   * Has a new enclave find the next target and attack it.
   *
   * @param from where to look; 0: behind the host's memory
   * @return the target; 0 if there is no more
   */
  private static long next(Hosting hosting, int find, Attacker attacker, long from) {
    try (Enclave enclave = hosting.load("hostile")) {
      Hostile hostile = enclave.bind(Hostile.class);
      long start = from;
      if (start == 0) {
        // The host's memory is one readable piece around its stack: go on where that ends.
        start = hostile.attack(HOST_STACK, 0) & -4096;
        while (hostile.attack(FIND_PAGE, start) == start) {
          start += 4096;
        }
      }
      long target = hostile.attack(find, start);
      if (target != 0) {
        attacker.attack(enclave, hostile, target);
      }
      return target;
    }
  }

  private static void jump(Enclave enclave, Hostile hostile, long site) {
    assertThat(tryIt(hostile, JUMP, site)).as("a jump to 0x%x", site).isIn(crashed(), stackOverrun(), "lost");
  }

  /** The result (a Long), the status if the enclave ended itself (an Integer), or "lost". */
  private static Object tryIt(Hostile hostile, int number, long argument) {
    try {
      return hostile.attack(number, argument);
    } catch (EnclaveException e) {
      return e.status();
    } catch (EnclaveLostException e) {
      return "lost";
    }
  }

  private static int crashed() {
    return SgxStatus.SGX_ERROR_ENCLAVE_CRASHED.code();
  }

  private static int stackOverrun() {
    return SgxStatus.SGX_ERROR_STACK_OVERRUN.code();
  }
}
