package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.Optional;
import java.util.function.Supplier;
import org.enclavisor.isa.Permissions;
import org.enclavisor.linux.ptrace.PtracePlatform;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.Registers;
import org.enclavisor.testkit.Code;
import org.enclavisor.testkit.Reg;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Where the kernel can tell, the pages written are those and no others; where it cannot, none is missing. */
class WriteWatchTest {
  private static final int PAGE = Kernel.PAGE;
  private static final int PAGES = 1024;

  @BeforeAll
  static void theKernelCanTell() {
    try (Arena arena = Arena.ofShared()) {
      int file = Kernel.memfd("probe", PAGE);
      Optional<WriteWatch> watch = WriteWatch.ofOwn(Kernel.mapShared(file, PAGE, arena));
      Kernel.close(file);
      assumeTrue(watch.isPresent(), "needs userfaultfd and Linux 6.7");
      watch.ifPresent(WriteWatch::close);
    }
  }

  private static BitSet pages(int... numbers) {
    BitSet set = new BitSet();
    for (int number : numbers) {
      set.set(number);
    }
    return set;
  }

  private static void assertExact(Supplier<Platform> opener) {
    try (var platform = opener.get();
        var space = platform.create(new AddressSpaceLayout(0, (long) PAGES * PAGE, 0, 1));
        var cpu = space.processor()) {
      byte[] code = Code.at(space.enclaveBase()).store(Reg.RBX, 0, Reg.RAX).load(Reg.RAX, Reg.RCX, 0).enclu().bytes();
      MemorySegment.copy(code, 0, space.enclave(), ValueLayout.JAVA_BYTE, 0, code.length);
      space.protect(0, PAGE, Permissions.RX);
      space.protect(PAGE, (PAGES / 2 - 1) * (long) PAGE, Permissions.RW);
      for (int page = 1; page < PAGES / 2; page++) {
        space.enclave().set(ValueLayout.JAVA_LONG, (long) page * PAGE, page);
      }
      space.mark();
      assertThat(space.written()).isEqualTo(pages());
      var registers = new Registers();
      for (int round = 0; round < 3; round++) {
        for (int page = 10; page < 15; page++) {
          registers.rip = space.enclaveBase();
          registers.rbx = space.enclaveBase() + (long) (page + round) * PAGE;
          registers.rcx = space.enclaveBase() + (long) (page + 200) * PAGE; // only read
          assertThat(cpu.enter(registers, Extended.KEEP)).isEqualTo(Exit.Enclu.INSTANCE);
        }
        space.enclave().set(ValueLayout.JAVA_LONG, 100L * PAGE + 16, round + 1L);
        space.enclave().get(ValueLayout.JAVA_LONG, 101L * PAGE);
        space.enclave().set(ValueLayout.JAVA_LONG, 700L * PAGE, round + 1L); // a hole, at first
        space.protect(30L * PAGE, PAGE, Permissions.NONE);
        space.protect(30L * PAGE, PAGE, Permissions.RW); // no writing
        BitSet expected = pages(10 + round, 11 + round, 12 + round, 13 + round, 14 + round, 100, 700);
        assertThat(written(space.written())).isEqualTo(expected);
        assertThat(written(space.mark())).isEqualTo(expected);
        assertThat(space.written()).isEqualTo(pages());
      }
      space.protect(10L * PAGE, 2L * PAGE, Permissions.NONE);
      space.discard(10L * PAGE, 2L * PAGE);
      assertThat(space.mark()).isEqualTo(pages(10, 11));
      space.protect(10L * PAGE, 2L * PAGE, Permissions.RW);
      registers.rip = space.enclaveBase();
      registers.rbx = space.enclaveBase() + 11L * PAGE;
      assertThat(cpu.enter(registers, Extended.KEEP)).isEqualTo(Exit.Enclu.INSTANCE);
      assertThat(space.mark()).isEqualTo(pages(11));
    }
  }

  /** The page of code has an ENCLU site that is patched, and counts when that happens. */
  private static BitSet written(BitSet all) {
    BitSet set = (BitSet) all.clone();
    set.clear(0);
    return set;
  }

  @Test
  void theStubPlatformTellsEachPage() {
    assertExact(StubPlatform::open);
  }

  @Test
  void thePtracePlatformTellsEachPage() {
    assertExact(PtracePlatform::open);
  }

  @Test
  void withoutTheKernelEveryPageThatIsThereCounts() {
    try (Arena arena = Arena.ofShared()) {
      int file = Kernel.memfd("bytes", (long) PAGES * PAGE);
      MemorySegment bytes = Kernel.mapShared(file, (long) PAGES * PAGE, arena);
      try (var written = new WrittenPages(file, Optional.empty(), bytes)) {
        bytes.set(ValueLayout.JAVA_LONG, 3L * PAGE, 1);
        assertThat(written.mark()).isEqualTo(pages());
        bytes.set(ValueLayout.JAVA_LONG, 5L * PAGE, 1);
        written.note(9L * PAGE, PAGE);
        assertThat(written.since()).isEqualTo(pages(3, 5, 9));
        assertThat(written.mark()).isEqualTo(pages(3, 5, 9));
        assertThat(written.exact()).isFalse();
      } finally {
        Kernel.close(file);
      }
    }
  }
}
