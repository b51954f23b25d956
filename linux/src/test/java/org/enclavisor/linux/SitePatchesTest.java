package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.concurrent.CompletableFuture;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.Registers;
import org.enclavisor.testkit.Testbed;
import org.junit.jupiter.api.Test;

/** ENCLU sites are made faster in the enclave process, and nowhere else. */
class SitePatchesTest {
  private static final long SITES = 0x1000;

  private static void assertLeaf(LogicalProcessor processor, Registers registers, long rax, long rip) {
    assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(Exit.Enclu.INSTANCE);
    assertThat(registers.rax).isEqualTo(rax);
    assertThat(registers.rip).isEqualTo(rip);
  }

  private static boolean isPatched(Testbed testbed, long offset) {
    String start = Long.toHexString(testbed.address(offset & -4096L));
    try (var maps = Files.lines(Path.of("/proc/" + ((StubAddressSpace) testbed.space()).pid() + "/maps"))) {
      return maps.anyMatch(line -> line.startsWith(start) && line.contains("enclavisor-patches"));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** What the enclave reads at an offset: mov rax, [rbx]; enclu. */
  private static long seenInside(Testbed testbed, LogicalProcessor processor, long offset) {
    var registers = testbed.at(testbed.program(0x3000, c -> c.load(RAX, RBX, 0).enclu()));
    registers.rbx = testbed.address(offset);
    assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(Exit.Enclu.INSTANCE);
    return registers.rax;
  }

  @Test
  void aJumpIsSeenByTheEnclaveOnly() {
    try (var platform = StubPlatform.open(); var testbed = new Testbed(platform, 1);
        var processor = testbed.processor()) {
      long rip = testbed.program(SITES, c -> c.padTo(16).enclu(4)) + 16;
      long original = testbed.word(SITES + 16);
      for (int i = 0; i < 5; i++) {
        assertLeaf(processor, testbed.at(rip), 4, rip + 5);
        assertLeaf(processor, testbed.at(rip + 5), 0, rip + 5); // the bare instruction, with another leaf
      }
      assertThat(isPatched(testbed, SITES)).isTrue();
      assertThat(testbed.word(SITES + 16)).as("what the monitor sees").isEqualTo(original);
      assertThat(seenInside(testbed, processor, SITES + 16) & 0xFF).isEqualTo(0xE9);
    }
  }

  @Test
  void aSiteWithoutRoomBecomesABreakpoint() {
    try (var platform = StubPlatform.open(); var testbed = new Testbed(platform, 1);
        var processor = testbed.processor()) {
      long rip = testbed.program(SITES, c -> c.padTo(16).enclu());
      for (int leaf = 0; leaf < 6; leaf++) {
        var registers = testbed.at(rip + 16);
        registers.rax = leaf;
        registers.rcx = 0x1234;
        assertLeaf(processor, registers, leaf, rip + 16);
        assertThat(registers.rcx).isEqualTo(0x1234);
      }
      assertThat(seenInside(testbed, processor, SITES + 16) & 0xFFFFFF).isEqualTo(0xD701CC);
      assertThat(testbed.word(SITES + 16) & 0xFFFFFF).isEqualTo(0xD7010F);
    }
  }

  @Test
  void settingPermissionsBringsTheOriginalBack() {
    try (var platform = StubPlatform.open(); var testbed = new Testbed(platform, 1);
        var processor = testbed.processor()) {
      long rip = testbed.program(SITES, c -> c.padTo(16).enclu(4)) + 16;
      for (var permissions : new Permissions[] {Permissions.RX, Permissions.RWX, Permissions.NONE, Permissions.RX}) {
        testbed.space().protect(SITES, 0x1000, Permissions.RX);
        assertLeaf(processor, testbed.at(rip), 4, rip + 5);
        assertThat(isPatched(testbed, SITES)).isTrue();
        testbed.space().protect(SITES, 0x1000, permissions);
        assertThat(isPatched(testbed, SITES)).isFalse();
      }
      // Other code at the same place, after the page was taken away and given back.
      testbed.space().protect(SITES, 0x1000, Permissions.NONE);
      testbed.program(SITES, c -> c.padTo(16).mov(RBX, 7).int3());
      testbed.space().protect(SITES, 0x1000, Permissions.RX);
      var registers = testbed.at(rip);
      assertThat(processor.enter(registers, Extended.KEEP)).isEqualTo(new Exit.Fault(3, 0, 0));
      assertThat(registers.rbx).isEqualTo(7);
    }
  }

  @Test
  void aPageThatTheEnclaveMayWriteIsLeftAlone() {
    try (var platform = StubPlatform.open(); var testbed = new Testbed(platform, 1);
        var processor = testbed.processor()) {
      long rip = testbed.program(SITES, c -> c.padTo(16).enclu(4)) + 16;
      testbed.space().protect(SITES, 0x1000, Permissions.RWX);
      for (int i = 0; i < 3; i++) {
        assertLeaf(processor, testbed.at(rip), 4, rip + 5);
        assertThat(isPatched(testbed, SITES)).isFalse();
      }
    }
  }

  @Test
  void strictMeansNever() {
    try (var platform = StubPlatform.open(StubOptions.DEFAULT.strict(true)); var testbed = new Testbed(platform, 1);
        var processor = testbed.processor()) {
      long rip = testbed.program(SITES, c -> c.padTo(16).enclu(4)) + 16;
      for (int i = 0; i < 3; i++) {
        assertLeaf(processor, testbed.at(rip), 4, rip + 5);
        assertThat(isPatched(testbed, SITES)).isFalse();
      }
    }
  }

  /** Bytes that look like {@code mov eax, 4} and are the end of something else. */
  @Test
  void whatOnlyLooksLikeTheLongFormIsNotChanged() {
    int[][] instructions = {
      {0x41, 0xB8, 4, 0, 0, 0}, // mov r8d, 4
      {0xC7, 0x43, 0xB8, 4, 0, 0, 0}, // mov dword [rbx - 0x48], 4
      {0xC7, 0x44, 0x24, 0xB8, 4, 0, 0, 0}, // mov dword [rsp - 0x48], 4
      {0x81, 0x43, 0xB8, 4, 0, 0, 0}, // add dword [rbx - 0x48], 4
    };
    for (int[] instruction : instructions) {
      try (var platform = StubPlatform.open(); var testbed = new Testbed(platform, 1);
          var processor = testbed.processor()) {
        long rip = testbed.program(SITES, c -> c.padTo(16).raw(instruction).enclu()) + 16;
        for (int i = 0; i < 3; i++) {
          var registers = testbed.at(rip);
          registers.rax = 4;
          registers.rbx = testbed.address(Testbed.DATA + 0x100);
          assertLeaf(processor, registers, 4, rip + instruction.length);
        }
      }
    }
  }

  @Test
  void moreSitesThanTrampolines() {
    try (var platform = StubPlatform.open(); var testbed = new Testbed(platform, 1);
        var processor = testbed.processor()) {
      int count = StubLayout.TRAMPOLINE_COUNT + 40;
      long first = testbed.program(SITES, c -> {
        for (int i = 1; i <= count; i++) {
          c.padTo(16 * i).enclu(4);
        }
      });
      for (int round = 0; round < 3; round++) {
        for (int i = 1; i <= count; i++) {
          assertLeaf(processor, testbed.at(first + 16L * i), 4, first + 16L * i + 5);
        }
      }
    }
  }

  @Test
  void codeTooFarFromTheStub() {
    try (var platform = StubPlatform.open();
        var space = platform.create(new AddressSpaceLayout(0, 1L << 33, 0, 1)); var processor = space.processor()) {
      long offset = 6L << 30;
      byte[] code = {0x48, 0x31, (byte) 0xC0, 0x48, 0x31, (byte) 0xC0, 0x48, 0x31, (byte) 0xC0, (byte) 0xB8, 4, 0, 0, 0,
        0x0F, 1, (byte) 0xD7};
      MemorySegment.copy(code, 0, space.enclave(), ValueLayout.JAVA_BYTE, offset, code.length);
      space.protect(offset, 0x1000, Permissions.RX);
      for (int i = 0; i < 3; i++) {
        var registers = new Registers();
        registers.rip = space.enclaveBase() + offset;
        assertLeaf(processor, registers, 4, space.enclaveBase() + offset + 14);
      }
    }
  }

  /** Several threads go through sites that are being patched under their feet. */
  @Test
  void sitesArePatchedWhileOthersRunThere() {
    int processors = 3;
    try (var platform = StubPlatform.open(StubOptions.DEFAULT.waiting(WaitPolicy.SAME_CORE));
        var testbed = new Testbed(platform, processors)) {
      long first = testbed.program(SITES, c -> {
        for (int i = 1; i < 100; i++) {
          c.padTo(16 * i).enclu(4);
        }
      });
      AddressSpace space = testbed.space();
      var done = new ArrayList<CompletableFuture<Void>>();
      for (int p = 0; p < processors; p++) {
        var processor = space.processor();
        long fsBase = 0x1000L * (p + 1);
        done.add(CompletableFuture.runAsync(() -> {
          for (int i = 1; i < 600; i++) {
            long rip = first + 16L * (i % 99 + 1);
            var registers = testbed.at(rip);
            registers.fsBase = fsBase;
            registers.rbx = fsBase;
            assertLeaf(processor, registers, 4, rip + 5);
            assertThat(registers.rbx).isEqualTo(fsBase);
            if (i % 200 == 0) {
              space.protect(SITES, 0x1000, Permissions.RX);
            }
          }
        }, task -> Thread.ofPlatform().daemon().start(task)));
      }
      done.forEach(CompletableFuture::join);
    }
  }
}
