package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.Supplier;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.testkit.Code;
import org.enclavisor.testkit.KilledJvm;
import org.enclavisor.testkit.Reg;
import org.enclavisor.testkit.Testbed;
import org.junit.jupiter.api.Test;

/** What an enclave process has, which is nearly nothing, and what becomes of it. */
class StubContainmentTest {
  /** Opens the platform in another JVM. */
  static final class Opener implements Supplier<Platform> {
    @Override
    public Platform get() {
      return StubPlatform.open();
    }
  }

  private static int pid(Testbed testbed) {
    return ((StubAddressSpace) testbed.space()).pid();
  }

  private static List<String> status(Path task, String... fields) throws IOException {
    return Files.readAllLines(task.resolve("status")).stream()
        .filter(line -> List.of(fields).contains(line.split(":")[0]))
        .map(line -> line.replaceAll("\\s+", " "))
        .toList();
  }

  @Test
  void itsMemoryIsTheEnclavesAndTheStubs() throws IOException {
    try (var platform = StubPlatform.open(); var testbed = new Testbed(platform, 2)) {
      testbed.space().protect(0, Testbed.SIZE, Permissions.NONE);
      testbed.processor().close();
      List<String> maps = Files.readAllLines(Path.of("/proc/" + pid(testbed) + "/maps")).stream()
          .filter(line -> !line.contains("[vsyscall]"))
          .map(line -> line.split(" +")[1] + " " + line.split(" +")[5])
          .distinct()
          .toList();
      assertThat(maps).containsExactlyInAnyOrder(
          "---s /memfd:enclavisor-elrange", "rw-s /memfd:enclavisor-untrusted", "r-xp /memfd:enclavisor-enclave",
          "r-xs /memfd:enclavisor-stub", "r--s /memfd:enclavisor-stub", "rw-s /memfd:enclavisor-stub");
    }
  }

  @Test
  void itHasThreeDescriptorsAndNoWayToGetAnyPrivilege() throws IOException {
    try (var platform = StubPlatform.open(); var testbed = new Testbed(platform, 2)) {
      testbed.processor();
      testbed.processor();
      Path process = Path.of("/proc/" + pid(testbed));
      var targets = new ArrayList<String>();
      try (var descriptors = Files.newDirectoryStream(process.resolve("fd"))) {
        for (Path descriptor : descriptors) {
          targets.add(Files.readSymbolicLink(descriptor).toString());
        }
      }
      assertThat(targets).containsExactlyInAnyOrder(
          "/memfd:enclavisor-elrange (deleted)", "/memfd:enclavisor-patches (deleted)",
          "/memfd:enclavisor-stub (deleted)");
      try (var tasks = Files.newDirectoryStream(process.resolve("task"))) {
        int count = 0;
        for (Path task : tasks) {
          count++;
          assertThat(status(task, "NoNewPrivs", "Seccomp", "SigBlk")).containsExactlyInAnyOrder(
              "NoNewPrivs: 1", "Seccomp: 2", "SigBlk: 0000000000000000");
        }
        assertThat(count).as("the steward and two processors").isEqualTo(3);
      }
      Path steward = process.resolve("task/" + pid(testbed));
      int filters = filters(steward);
      try (var tasks = Files.newDirectoryStream(process.resolve("task"))) {
        for (Path task : tasks) {
          assertThat(filters(task)).as("filters of %s", task).isEqualTo(task.equals(steward) ? filters : filters + 1);
        }
      }
      assertThat(Files.readString(process.resolve("limits"))).containsPattern("Max core file size +0 +0");
      // A process that is not dumpable shows its files as root's. That says something only if we are not root.
      assertThat(Files.getAttribute(process.resolve("maps"), "unix:uid")).isEqualTo(0);
    }
  }

  private static int filters(Path task) throws IOException {
    return Integer.parseInt(status(task, "Seccomp_filters").getFirst().split(": ")[1]);
  }

  /** Signals from other processes mean nothing, unless they kill. */
  @Test
  void signalsFromOutsideAreSwallowed() {
    try (var platform = StubPlatform.open(); var testbed = new Testbed(platform, 1);
        var processor = testbed.processor()) {
      long rip = testbed.program(c -> {
        var loop = c.label();
        c.bind(loop).lockInc(Reg.RBX, 0).jmp(loop);
      });
      int pid = pid(testbed);
      int tid = ((StubProcessor) processor).tid();
      var registers = testbed.at(rip);
      registers.rbx = testbed.space().untrustedBase();
      var exit = Testbed.start(processor, registers);
      for (int signal : new int[] {1, 2, 4, 5, 7, 8, 10, 11, 15, 17, 18, 20, 31, 34, 64}) {
        testbed.awaitUntrusted(0, testbed.untrusted(0) + 1);
        Kernel.tgkill(pid, tid, signal);
      }
      for (int signal : new int[] {1, 2, 10, 15, 17, 18, 20, 34, 64}) {
        Kernel.tgkill(pid, pid, signal);
      }
      testbed.awaitUntrusted(0, testbed.untrusted(0) + 1000);
      assertThat(exit).isNotDone();
      processor.interrupt();
      assertThat(Testbed.await(exit)).isEqualTo(Exit.Interrupt.INSTANCE);
    }
  }

  @Test
  void nothingSurvivesAKilledJvm() {
    KilledJvm.assertNothingSurvives(Opener.class);
  }

  @Test
  void twoHundredEnclavesLiveAtOnce() {
    try (var platform = StubPlatform.open()) {
      var beds = new ArrayList<Testbed>();
      for (int i = 0; i < 200; i++) {
        var testbed = new Testbed(platform, 1);
        beds.add(testbed);
        testbed.word(Testbed.DATA, i);
        var processor = testbed.processor();
        assertThat(processor.enter(testbed.at(testbed.program(Code::enclu)), Extended.KEEP))
            .isEqualTo(Exit.Enclu.INSTANCE);
      }
      for (int i = 0; i < 200; i++) {
        assertThat(beds.get(i).word(Testbed.DATA)).isEqualTo(i);
      }
    }
  }

  @Test
  void closingLeavesNoMappingBehind() throws IOException {
    try (var platform = StubPlatform.open()) {
      long before = mappings();
      for (int i = 0; i < 5; i++) {
        try (var testbed = new Testbed(platform, 3); var processor = testbed.processor()) {
          processor.enter(testbed.at(testbed.program(c -> c.nop().padTo(16).enclu(4))), Extended.KEEP);
        }
      }
      assertThat(mappings()).isEqualTo(before);
    }
  }

  private static long mappings() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/maps")).stream().filter(l -> l.contains("enclavisor")).count();
  }

  @Test
  void theCallersAffinityIsAsItWas() {
    BitSet before = Kernel.affinity(0);
    for (WaitPolicy policy : WaitPolicy.values()) {
      try (var platform = StubPlatform.open(StubOptions.DEFAULT.waiting(policy));
          var testbed = new Testbed(platform, 2)) {
        long rip = testbed.program(Code::enclu);
        try (var one = testbed.processor(); var two = testbed.processor()) {
          for (int i = 0; i < 300; i++) {
            one.enter(testbed.at(rip), Extended.KEEP);
            two.enter(testbed.at(rip), Extended.KEEP);
          }
        }
        assertThat(Kernel.affinity(0)).as(policy.name()).isEqualTo(before);
        var left = testbed.processor(); // closed by its address space
        for (int i = 0; i < 300; i++) {
          left.enter(testbed.at(rip), Extended.KEEP);
        }
      }
      assertThat(Kernel.affinity(0)).as(policy.name()).isEqualTo(before);
    }
  }

  @Test
  void moreProcessorsThanThereIsRoomForAreRefused() {
    try (var platform = StubPlatform.open()) {
      assertThatThrownBy(() -> platform.create(new AddressSpaceLayout(0, 1 << 16, 0, 10_000)))
          .isInstanceOf(PlatformException.class)
          .hasMessageContaining("processors=10000");
    }
  }

  @Test
  void aClosedPlatformMakesNothing() {
    var platform = StubPlatform.open();
    platform.close();
    platform.close();
    assertThatThrownBy(() -> platform.create(new AddressSpaceLayout(0, 1 << 16, 0, 1)))
        .isInstanceOf(PlatformException.class);
  }
}
