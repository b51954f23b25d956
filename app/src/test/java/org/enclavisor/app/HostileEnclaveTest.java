package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.EnclaveException;
import org.enclavisor.host.EnclaveLostException;
import org.enclavisor.host.HostConfig;
import org.enclavisor.host.SgxStatus;
import org.enclavisor.testkit.Leaks;
import org.enclavisor.testkit.ProcessView;
import org.enclavisor.testkit.Seeded;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every attack of examples/hostile. Whatever it does: its call ends in time, with a value or a HostException; another
 * enclave and the JVM go on; closing it leaves no process, thread or descriptor.
 */
@ParameterizedClass
@EnumSource(value = Way.class, names = {"STUB", "STUB_STRICT", "PTRACE"})
class HostileEnclaveTest {
  private static final Pattern ATTACK = Pattern.compile("^  ([A-Z_0-9]+) = (\\d+),", Pattern.MULTILINE);

  /** Far more than any attack needs, also on a machine that is busy with something else. */
  private static final long SECONDS = 30;

  /** After so long a call is taken to be one that never returns. */
  private static final long PATIENCE = 2;

  private static final int ANYWHERE = 0x1000;
  private static final int CRASHED = SgxStatus.SGX_ERROR_ENCLAVE_CRASHED.code();
  private static final int STACK_OVERRUN = SgxStatus.SGX_ERROR_STACK_OVERRUN.code();

  /** They end by themselves, but take their time; {@link HostileThreadsTest} tries most of them. */
  private static final Set<String> LONG =
      Set.of("LOOP", "STORM", "FIND_PAGE", "FIND_SYSCALL", "RACE_FRAME", "RACE_PAGE", "LEAVES");

  /** How an attack may end. */
  private enum End {
    /** As it likes, or not at all until the enclave is closed: whoever leaves its own code may loop there. */
    ANY,
    /** Not with a value from which the enclave has something: at most an error code. */
    STOPPED,
    /** With an exception that the enclave's own runtime did not survive, or with the end of the enclave. */
    CRASHED,
    /** The enclave cannot go on, but nobody killed it. */
    LOST,
    /** With 1: it was harmless, and went by unnoticed. */
    ONE
  }

  /** Words that break things wherever they are used as an address or as a part of saved state. */
  private static final long[] WORDS = {
    0, 1, 8, 0x1000, 0x7fff_ffff_f000L, 0x8000_0000_0000L, Long.MIN_VALUE, -4096, -1, 0x5555_5555_5555_5555L
  };

  @Parameter private Way way;
  private final Map<String, Integer> attacks = attacks();

  private static Map<String, Integer> attacks() {
    try {
      var found = new TreeMap<String, Integer>();
      var matcher = ATTACK.matcher(Files.readString(Hosting.EXAMPLES.resolve("hostile/hostile.h")));
      while (matcher.find()) {
        found.put(matcher.group(1), Integer.valueOf(matcher.group(2)));
      }
      return found;
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** A host, an enclave that minds its own business, and one after the other the enclaves that attack. */
  private final class Arena implements AutoCloseable {
    private final Hosting hosting = Hosting.on(way);
    private final Enclave bystander = hosting.load("hello");
    private final Set<Long> others = ProcessView.ownChildren();
    private Enclave attacker = hosting.load("hostile", CONFIG);
    private int greetings;

    private static final Object HANGS = new Object();
    private static final HostConfig CONFIG = HostConfig.defaults().withPatience(Duration.ofMillis(100));

    private Arena() throws IOException {}

    long process() throws IOException {
      return ProcessView.ownChildren().stream().filter(child -> !others.contains(child)).findFirst().orElseThrow();
    }

    void attack(String name, End end, long... arguments) throws IOException {
      for (long argument : arguments) {
        String what = "%s: %s 0x%x".formatted(way, name, argument);
        Object outcome = attempt(attacks.get(name), argument, end, what);
        switch (end) {
          case ANY -> assertThat(outcome).as(what).isNotNull();
          case STOPPED -> {
            if (outcome instanceof Long value) {
              assertThat(value).as(what).isNegative();
            }
          }
          case CRASHED -> {
            if (outcome instanceof EnclaveException e) {
              assertThat(e.status()).as(what).isIn(CRASHED, STACK_OVERRUN);
            } else {
              assertThat(outcome).as(what).isInstanceOf(EnclaveLostException.class);
            }
          }
          case LOST -> assertThat(outcome).as(what).isInstanceOf(EnclaveLostException.class);
          case ONE -> assertThat(outcome).as(what).isEqualTo(1L);
        }
        assertOthersGoOn(what);
        if (!(outcome instanceof Long)) {
          reload(what);
        }
      }
    }

    /** What the call returned or threw. */
    private Object attempt(int number, long argument, End end, String what) {
      var outcome = new CompletableFuture<Object>();
      Thread.ofPlatform().daemon().start(() -> {
        try {
          outcome.complete(attacker.call("attack", number, argument).value());
        } catch (EnclaveException | EnclaveLostException e) {
          outcome.complete(e);
        } catch (RuntimeException | Error e) {
          outcome.completeExceptionally(e);
        }
      });
      try {
        if (end == End.ANY) {
          outcome.copy().completeOnTimeout(HANGS, PATIENCE, TimeUnit.SECONDS).join();
          if (!outcome.isDone()) {
            assertOthersGoOn(what);
            long start = System.nanoTime();
            attacker.close();
            outcome.get(SECONDS, TimeUnit.SECONDS); // whatever: it is over
            System.out.printf("%s hung until it was closed in %d ms%n", what, (System.nanoTime() - start) / 1_000_000);
            return HANGS;
          }
        }
        return outcome.get(SECONDS, TimeUnit.SECONDS);
      } catch (ExecutionException | TimeoutException e) {
        throw new AssertionError(what + " ended with " + e, e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new AssertionError(what, e);
      }
    }

    private void assertOthersGoOn(String what) {
      assertThat(bystander.call("hello", what).value()).as(what).isEqualTo(++greetings);
      assertThat(hosting.printed()).contains(what + "!");
    }

    private void reload(String what) throws IOException {
      attacker.close();
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
      while (!ProcessView.ownChildren().equals(others) && System.nanoTime() < deadline) {
        Thread.onSpinWait();
      }
      assertThat(ProcessView.ownChildren()).as("processes after %s", what).isEqualTo(others);
      attacker = hosting.load("hostile", CONFIG);
    }

    /** Addresses in everything that is mapped beside the enclave, and those of SYSCALL instructions. */
    private Set<Long> addresses(boolean executableOnly) throws IOException {
      long process = process();
      Set<Long> addresses = new LinkedHashSet<>();
      for (ProcessView.Mapping mapping : ProcessView.mappings(process)) {
        if (!executableOnly || mapping.permissions().contains("x")) {
          addresses.add(mapping.start());
          addresses.add((mapping.start() + mapping.end()) / 2);
          addresses.add(mapping.end() - 8);
          if (mapping.permissions().contains("x")) {
            addresses.addAll(ProcessView.syscallInstructions(process, mapping));
          }
        }
      }
      return addresses;
    }

    @Override
    public void close() {
      hosting.close();
    }
  }

  private static long[] upTo(long last) {
    return LongStream.rangeClosed(0, last).toArray();
  }

  @Test
  void systemCalls() throws IOException {
    try (var arena = new Arena()) {
      for (String name : List.of("GETPID", "EXIT_GROUP", "FORK", "SIGNAL_PARENT", "MAKE_CODE_WRITABLE", "OPEN_FILE",
          "FORGE_SIGRETURN", "COMPATIBILITY_MODE")) {
        arena.attack(name, End.CRASHED, 0);
      }
      for (String name : List.of("SYSENTER", "INT_80", "VSYSCALL")) {
        arena.attack(name, End.STOPPED, 0);
      }
      arena.attack("MAP_MEMORY", End.CRASHED, 4096, 1 << 20, 1L << 40);
      arena.attack("UNMAP", End.CRASHED, ANYWHERE);
      arena.attack("UNMAP", End.CRASHED, arena.addresses(false).stream().mapToLong(a -> a & -4096).limit(12).toArray());
      // clone, exec, ptrace, prctl, futex, set_tid_address, tgkill, seccomp, memfd_create, io_uring_setup, x32's getpid
      arena.attack("ANY_SYSCALL", End.CRASHED, 56, 57, 58, 59, 101, 157, 218, 234, 317, 319, 425, 0x40000000 + 39, -1);
    }
  }

  @Test
  void jumpsAndCallsOutOfTheEnclave() throws IOException {
    try (var arena = new Arena()) {
      long[] code = arena.addresses(true).stream().mapToLong(Long::longValue).limit(40).toArray();
      // Only root may look into the enclave's process; everybody else jumps to WORDS alone.
      assertThat(code.length > 0).isEqualTo(!ProcessView.mappings(arena.process()).isEmpty());
      if (way != Way.STUB_STRICT) { // nothing is different there, and what hangs takes its time to be ended
        arena.attack("JUMP", End.ANY, code);
      }
      arena.attack("JUMP", End.CRASHED, ANYWHERE);
      arena.attack("JUMP", End.ANY, WORDS);
      arena.attack("CALL", End.ANY, WORDS);
      arena.attack("LEAVE_ANYWHERE", End.ANY, WORDS);
      for (String name : List.of("OWN_BASE", "HOST_STACK")) { // what it may know
        assertThat(arena.attempt(attacks.get(name), 0, End.ANY, name)).isInstanceOf(Long.class);
      }
    }
  }

  @Test
  void memoryThatIsNotItsOwn() throws IOException {
    try (var arena = new Arena()) {
      long[] memory = arena.addresses(false).stream().mapToLong(a -> a & -4096).distinct().limit(40).toArray();
      arena.attack("READ", End.ANY, memory);
      arena.attack("READ", End.ANY, WORDS);
      arena.attack("WRITE", End.ANY, memory);
      arena.attack("WRITE", End.ANY, WORDS);
      arena.attack("WRITE", End.CRASHED, ANYWHERE);
      arena.attack("REPORT_ANYWHERE", End.ANY, memory);
      arena.attack("REPORT_ANYWHERE", End.ANY, WORDS);
      arena.attack("REPORT_ANYWHERE", End.CRASHED, 1 << 20);
      arena.attack("WRITE_OWN_CODE", End.CRASHED, 0);
      arena.attack("WRITE_OWN_TCS", End.CRASHED, 0);
      arena.attack("RUN_OWN_DATA", End.CRASHED, 0);
    }
  }

  @Test
  void stacks() throws IOException {
    try (var arena = new Arena()) {
      arena.attack("NO_STACK", End.CRASHED, 0);
      arena.attack("WILD_STACK", End.CRASHED, WORDS);
      arena.attack("NO_STACK_LEAF", End.ONE, 0);
      arena.attack("WILD_STACK_LEAF", End.ONE, WORDS);
      long[] memory = arena.addresses(false).stream().mapToLong(Long::longValue).limit(20).toArray();
      arena.attack("WILD_STACK", End.CRASHED, memory);
      arena.attack("WILD_STACK_LEAF", End.ONE, memory);
      arena.attack("EXHAUST_STACK", End.CRASHED, 0);
    }
  }

  @Test
  void flagsAndControlRegisters() throws IOException {
    try (var arena = new Arena()) {
      for (String name : List.of("TRAP_FLAG", "TRAP_FLAG_LEAF", "TRAP_FLAG_EXIT")) {
        arena.attack(name, End.ANY, 0);
      }
      arena.attack("ALIGNMENT_CHECK", End.CRASHED, 0);
      for (String name :
          List.of("DIRECTION_FLAG_LEAF", "ALIGNMENT_FLAG_LEAF", "UNMASKED_FLOAT_LEAF", "SELECTORS_LEAF")) {
        arena.attack(name, End.ONE, 0);
      }
      arena.attack("SEGMENT_BASES_LEAF", End.ONE, ANYWHERE);
      arena.attack("SEGMENT_BASES_LEAF", End.ANY, WORDS);
      arena.attack("SEGMENT_BASES_FAULT", End.CRASHED, WORDS);
      long[] memory = arena.addresses(false).stream().mapToLong(Long::longValue).limit(20).toArray();
      arena.attack("SEGMENT_BASES_LEAF", End.ANY, memory);
      arena.attack("SEGMENT_BASES_FAULT", End.CRASHED, memory);
    }
  }

  @Test
  void leavesAndInstructions() throws IOException {
    try (var arena = new Arena()) {
      arena.attack("LEAF", End.ANY, upTo(16));
      arena.attack("LEAF", End.ANY, WORDS);
      arena.attack("LEAF", End.CRASHED, 2, 3, 0x7f); // EENTER, ERESUME, and none
      arena.attack("PRIVILEGED", End.CRASHED, upTo(7));
      arena.attack("CPUID", End.ANY, 0, 7, 0x12, -1);
      arena.attack("SOFTWARE_INTERRUPT", End.CRASHED, 0);
      arena.attack("IRET", End.ANY, 0);
    }
  }

  @Test
  void damagedSavedState() throws IOException {
    try (var arena = new Arena()) {
      var words = new ArrayList<Long>();
      LongStream.of(WORDS).forEach(words::add);
      words.addAll(arena.addresses(false).stream().limit(20).toList());
      long[] all = words.stream().mapToLong(Long::longValue).toArray();
      for (String name : List.of("FRAME_RIP", "FRAME_RSP", "FRAME_RFLAGS", "FRAME_BASES", "FRAME_XSTATE_BV",
          "FRAME_MXCSR", "FRAME_URSP")) {
        arena.attack(name, End.ANY, all);
      }
      // TF, DF, AC, NT, IOPL, VM, RF, one by one.
      arena.attack("FRAME_RFLAGS", End.ANY, LongStream.range(0, 22).map(bit -> 1L << bit).toArray());
      arena.attack("FRAME_XSTATE_BV", End.ANY, LongStream.range(0, 64).map(bit -> 1L << bit).toArray());
      arena.attack("FRAME_RFLAGS", End.ANY, 0xffff_ffffL);
      arena.attack("FRAME_BASES", End.LOST, Long.MAX_VALUE);
      arena.attack("FRAME_XSTATE_BV", End.LOST, Long.MAX_VALUE);
      arena.attack("FRAME_MXCSR", End.LOST, 0xffff_ffffL);
      arena.attack("FRAME_XSAVE_HEADER", End.LOST, 0);
      arena.attack("FRAME_ALL", End.LOST, 0);
    }
  }

  @Test
  void aLoopForEverEndsWithClose() throws IOException, InterruptedException {
    try (var arena = new Arena()) {
      var outcome = new CompletableFuture<Object>();
      Enclave attacker = arena.attacker;
      Thread looping = Thread.ofPlatform().daemon().start(() -> {
        try {
          outcome.complete(attacker.call("attack", attacks.get("LOOP"), 0L));
        } catch (EnclaveLostException e) {
          outcome.complete(e);
        } catch (RuntimeException | Error e) {
          outcome.completeExceptionally(e);
        }
      });
      looping.join(200);
      assertThat(looping.isAlive()).as("it loops").isTrue();
      arena.assertOthersGoOn("while it loops");
      long start = System.nanoTime();
      attacker.close();
      assertThat(Duration.ofNanos(System.nanoTime() - start)).as("close").isLessThan(Duration.ofSeconds(10));
      looping.join(10_000);
      assertThat(outcome).isCompletedWithValueMatching(end -> end instanceof EnclaveLostException);
      arena.reload("LOOP");
      arena.assertOthersGoOn("after it");
    }
  }

  @Test
  void whatTheEnclaveSeesOfItsCode() throws IOException {
    try (var arena = new Arena()) {
      long inFile = (long) arena.attacker.call("enclu_sites").value();
      assertThat(inFile).isPositive();
      for (int i = 0; i < 20; i++) {
        arena.attack("NO_STACK_LEAF", End.ONE, 0);
      }
      long now = (long) arena.attacker.call("enclu_sites").value();
      if (way == Way.STUB) {
        assertThat(now).as("patches are allowed").isLessThanOrEqualTo(inFile);
      } else {
        assertThat(now).as("nothing is patched").isEqualTo(inFile);
      }
    }
  }

  @Test
  void everyAttackOfTheHeaderIsTried() throws IOException {
    String source = Files.readString(java.nio.file.Path.of("src/test/java/org/enclavisor/app/HostileEnclaveTest.java"));
    assertThat(attacks).hasSizeGreaterThan(50);
    assertThat(attacks.remove("NOTHING")).as("that is no attack").isZero();
    assertThat(attacks.keySet()).filteredOn(name -> !source.contains('"' + name + '"')).isEmpty();
  }

  @Test
  void nothingIsLeftBehind() throws IOException, InterruptedException {
    try (var warm = new Arena()) {
      warm.attack("EXIT_GROUP", End.STOPPED, 0);
    }
    Leaks before = Leaks.now();
    Set<Thread> threads = Thread.getAllStackTraces().keySet();
    try (var arena = new Arena()) {
      for (String name : List.of("EXIT_GROUP", "FORK", "NO_STACK", "FRAME_ALL", "INT_80", "EXHAUST_STACK")) {
        arena.attack(name, End.ANY, 0);
      }
      arena.attack("JUMP", End.ANY, arena.addresses(true).stream().mapToLong(Long::longValue).limit(10).toArray());
    }
    before.assertNoneSince();
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (!threads.contains(thread) && !thread.getName().startsWith("ForkJoinPool.commonPool")) {
        thread.join(5000);
        assertThat(thread.isAlive()).as("thread left behind: %s", thread).isFalse();
      }
    }
  }

  @Test
  void chance() throws IOException {
    chance(40);
  }

  @Test
  @Tag("soak")
  void chanceForLong() throws IOException {
    chance(3000);
  }

  private void chance(int times) throws IOException {
    Seeded seeded = Seeded.named("HostileEnclaveTest");
    List<String> names = attacks.keySet().stream().filter(name -> !LONG.contains(name)).toList();
    try (var arena = new Arena()) {
      for (int i = 0; i < times; i++) {
        List<Long> addresses = List.copyOf(arena.addresses(false));
        boolean known = !addresses.isEmpty() && seeded.chance(0.5);
        long argument = known ? seeded.oneOf(addresses) + seeded.below(64) : seeded.word();
        arena.attack(seeded.oneOf(names), End.ANY, argument);
      }
    }
  }
}
