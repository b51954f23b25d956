package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.EnclaveException;
import org.enclavisor.host.EnclaveLostException;
import org.enclavisor.host.SgxStatus;
import org.enclavisor.image.ThreadSlot;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * {@code examples/hostile} where {@link HostileEnclaveTest} leaves off: what takes long, searches memory or needs two
 * threads. Beside every attacker a neighbour on the same platform goes on answering; the numbers are those of
 * {@code hostile.h}.
 */
@Timeout(120)
class HostileThreadsTest {
  private static final int JUMP = 20;
  private static final int WRITE = 22;
  private static final int HOST_STACK = 26;
  private static final int FIND_PAGE = 27;
  private static final int FIND_SYSCALL = 28;
  private static final int STORM = 61;
  private static final int RACE_FRAME = 80;
  private static final int RACE_PAGE = 81;
  private static final int LEAVES = 82;

  interface Hostile {
    long attack(int number, long argument);
  }

  @FunctionalInterface
  interface Attacker {
    void attack(Enclave enclave, Hostile hostile, long target);
  }

  @ParameterizedTest
  @EnumSource
  void aStormOfExceptionsIsOutlived(Way way) {
    try (var hosting = Hosting.on(way); Enclave neighbour = hosting.load("calls");
        Enclave enclave = hosting.load("hostile")) {
      assertThat(enclave.bind(Hostile.class).attack(STORM, 2000)).isEqualTo(2000);
      assertThat(neighbour.call("add", 40, 2).value()).isEqualTo(42);
    }
  }

  /** It looks through all memory between the host's and its own, where the stub lies, and jumps to what it finds. */
  @Test
  void noSystemCallOfTheStubHelps() {
    try (var hosting = Hosting.on(Way.STUB); Enclave neighbour = hosting.load("calls")) {
      int sites = 0;
      for (long site = next(hosting, FIND_SYSCALL, HostileThreadsTest::jump, 0); site != 0;
          site = next(hosting, FIND_SYSCALL, HostileThreadsTest::jump, site + 1)) {
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
  @Tag("soak")
  void overwritingTheStubHarmsNobodyElse() {
    try (var hosting = Hosting.on(Way.STUB); Enclave neighbour = hosting.load("calls")) {
      int pages = 0;
      for (long page = next(hosting, FIND_PAGE, HostileThreadsTest::overwrite, 0); page != 0;
          page = next(hosting, FIND_PAGE, HostileThreadsTest::overwrite, page + 4096)) {
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
