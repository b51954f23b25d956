package org.enclavisor.linux.ptrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.enclavisor.isa.Permissions;
import org.enclavisor.linux.Kernel;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.Registers;
import org.enclavisor.testkit.Code;
import org.enclavisor.testkit.KilledJvm;
import org.enclavisor.testkit.Leaks;
import org.enclavisor.testkit.Reg;
import org.enclavisor.testkit.Testbed;
import org.junit.jupiter.api.Test;

/** What an enclave process has, which is nearly nothing, and what becomes of it. */
class PtraceContainmentTest {
  /** Opens the platform in another JVM. */
  static final class Opener implements Supplier<Platform> {
    @Override
    public Platform get() {
      return PtracePlatform.open();
    }
  }

  private static List<String> status(int pid, String... fields) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + pid + "/status")).stream()
        .filter(line -> List.of(fields).contains(line.split(":")[0]))
        .map(line -> line.replaceAll("\\s+", " "))
        .toList();
  }

  @Test
  void itsMemoryIsTheEnclavesAndTwoAreasOfOurs() throws IOException {
    try (var platform = PtracePlatform.open(); var testbed = new Testbed(platform, 2)) {
      testbed.space().protect(0, Testbed.SIZE, Permissions.NONE);
      testbed.processor().close();
      int pid = ((PtraceAddressSpace) testbed.space()).pid();
      List<String> maps = Files.readAllLines(Path.of("/proc/" + pid + "/maps")).stream()
          .filter(line -> !line.contains("[vsyscall]"))
          .map(line -> line.split(" +")[1] + " " + line.split(" +")[5])
          .toList();
      assertThat(maps).containsExactlyInAnyOrder(
          "---s /memfd:enclavisor-elrange", "rw-s /memfd:enclavisor-untrusted", "rw-s /memfd:enclavisor-frames",
          "r-xp /memfd:enclavisor-enclave");
    }
  }

  @Test
  void itHasNoDescriptorsAndNoWayToGetAnyPrivilege() throws IOException {
    try (var platform = PtracePlatform.open(); var testbed = new Testbed(platform, 1)) {
      int pid = ((PtraceAddressSpace) testbed.space()).pid();
      try (var descriptors = Files.list(Path.of("/proc/" + pid + "/fd"))) {
        assertThat(descriptors).isEmpty();
      }
      assertThat(status(pid, "NoNewPrivs", "Seccomp", "SigBlk")).containsExactlyInAnyOrder(
          "NoNewPrivs: 1", "Seccomp: 2", "SigBlk: 0000000000000000");
      assertThat(Files.readString(Path.of("/proc/" + pid + "/limits")))
          .containsPattern("Max core file size +0 +0").containsPattern("Max open files +0 +0");
      // A process that is not dumpable shows its files as root's. That says something only if we are not root.
      assertThat(Files.getAttribute(Path.of("/proc/" + pid + "/maps"), "unix:uid")).isEqualTo(0);
    }
  }

  @Test
  void theBootPageIsNoCodeToRun() {
    try (var platform = PtracePlatform.open(); var testbed = new Testbed(platform, 1);
        var processor = testbed.processor()) {
      var layout = new AddressSpaceLayout(0, Testbed.SIZE, Testbed.UNTRUSTED_SIZE, 1);
      var boot = new BootPage(Placement.of(layout, EnclaveProcess.frameBytes()).bootPage(), 1);
      for (long rip : new long[] {boot.gadget(), boot.handler(), boot.afterGadget(), boot.address()}) {
        var registers = testbed.at(rip);
        registers.rax = 231; // exit_group
        assertThat(processor.enter(registers, Extended.KEEP)).isInstanceOfSatisfying(Exit.Fault.class, fault -> {
          assertThat(fault.vector()).isEqualTo(14);
          assertThat(boot.contains(fault.address())).isTrue();
        });
      }
      var registers = testbed.at(testbed.program(Code::enclu));
      assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(Exit.Enclu.INSTANCE);
    }
  }

  /** uretprobe and uprobe, which seccomp lets pass: here they do not come so far. */
  @Test
  void callsThatNoFilterSeesAreNotMadeEither() {
    try (var platform = PtracePlatform.open(); var testbed = new Testbed(platform, 1);
        var processor = testbed.processor()) {
      long rip = testbed.program(Code::syscall);
      for (long number : new long[] {335, 336}) {
        var registers = testbed.at(rip);
        registers.rax = number;
        assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(new Exit.Fault(6, 0, 0));
        assertThat(registers.rip).isEqualTo(rip);
        assertThat(registers.rax).isEqualTo(number);
      }
    }
  }

  /** Where a thread's signals will be taken is nothing that another thread of the enclave can change. */
  @Test
  void aThreadIsMadeWhileAnotherTramplesOnItsSignalStack() {
    for (int i = 0; i < 20; i++) {
      try (var platform = PtracePlatform.open(); var testbed = new Testbed(platform, 2);
          var first = testbed.processor()) {
        var layout = new AddressSpaceLayout(0, Testbed.SIZE, Testbed.UNTRUSTED_SIZE, 2);
        var registers = testbed.at(testbed.program(0x1000, c -> {
          var loop = c.label();
          c.bind(loop).store(Reg.RBX, 0, Reg.RAX).store(Reg.RBX, 16, Reg.RAX).lockInc(Reg.RCX, 0).jmp(loop);
        }));
        registers.rax = 1;
        registers.rbx = Placement.of(layout, 2L * EnclaveProcess.frameBytes()).frames() + EnclaveProcess.frameBytes();
        registers.rcx = testbed.space().untrustedBase();
        var trampling = Testbed.start(first, registers);
        testbed.awaitUntrusted(0, 100);
        var second = testbed.processor();
        assertThat(second.enter(testbed.at(testbed.program(Code::enclu)), Extended.KEEP))
            .isEqualTo(Exit.Enclu.INSTANCE);
        first.interrupt();
        assertThat(Testbed.await(trampling)).isEqualTo(Exit.Interrupt.INSTANCE);
      }
    }
  }

  @Test
  void aProcessThatCannotBeMadeLeavesNothingBehind() {
    var before = Leaks.now();
    var layout = new AddressSpaceLayout(0, Testbed.SIZE, 0, 1);
    var good = Placement.of(layout, EnclaveProcess.frameBytes());
    // The frames where the enclave is: mmap refuses.
    var bad = new Placement(good.enclave(), good.untrusted(), good.enclave(), good.bootPage());
    try (var arena = Arena.ofShared()) {
      int file = Kernel.memfd("enclavisor-test", Testbed.SIZE);
      var memory = Kernel.mapShared(file, EnclaveProcess.frameBytes(), arena);
      var memories = new EnclaveProcess.Memories(arena, file, file, file, memory, memory);
      assertThatThrownBy(() -> Tracer.start(bad, layout, memories))
          .isInstanceOf(PlatformException.class)
          .hasMessageContaining("mmap in the enclave process");
      Kernel.close(file);
    }
    before.assertNoneSince();
  }

  /** Signals from other processes mean nothing, unless they kill. */
  @Test
  void signalsFromOutsideAreSwallowed() {
    try (var platform = PtracePlatform.open(); var testbed = new Testbed(platform, 1);
        var processor = testbed.processor()) {
      long rip = testbed.program(c -> {
        var loop = c.label();
        c.bind(loop).lockInc(Reg.RBX, 0).jmp(loop);
      });
      int pid = ((PtraceAddressSpace) testbed.space()).pid();
      Registers registers = testbed.at(rip);
      registers.rbx = testbed.space().untrustedBase();
      var exit = Testbed.start(processor, registers);
      for (int signal : new int[] {1, 2, 4, 5, 7, 8, 10, 11, 12, 15, 17, 18, 19, 20, 31, 34, 64}) {
        testbed.awaitUntrusted(0, testbed.untrusted(0) + 1);
        Kernel.tgkill(pid, pid, signal);
        Kernel.tgkill(pid, pid + 1, signal); // most likely the thread itself
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
  void manyEnclavesLiveAtOnce() {
    try (var platform = PtracePlatform.open()) {
      for (int i = 0; i < 50; i++) {
        var testbed = new Testbed(platform, 1);
        var processor = testbed.processor();
        assertThat(processor.enter(testbed.at(testbed.program(Code::enclu)), Extended.KEEP))
            .isEqualTo(Exit.Enclu.INSTANCE);
      }
    }
  }
}
