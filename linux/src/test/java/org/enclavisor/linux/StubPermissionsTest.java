package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpace.Range;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.Registers;
import org.enclavisor.testkit.Code;
import org.enclavisor.testkit.Reg;
import org.enclavisor.testkit.Seeded;
import org.junit.jupiter.api.Test;

/** Permissions by mappings and by guard markers, as enclave code meets them. */
class StubPermissionsTest {
  private static final int PAGE = Kernel.PAGE;

  /** Two programs in the first page: one reads [rbx], one writes it. */
  private static void prepare(AddressSpace space) {
    byte[] code = Code.at(space.enclaveBase())
        .load(Reg.RAX, Reg.RBX, 0).enclu().padTo(32).store(Reg.RBX, 0, Reg.RAX).enclu().bytes();
    MemorySegment.copy(code, 0, space.enclave(), ValueLayout.JAVA_BYTE, 0, code.length);
    space.protect(0, PAGE, Permissions.RX);
  }

  private static String access(AddressSpace space, LogicalProcessor cpu, long page) {
    var access = new StringBuilder();
    for (int program = 0; program < 2; program++) {
      var registers = new Registers();
      registers.rip = space.enclaveBase() + 32 * program;
      registers.rbx = space.enclaveBase() + page * PAGE;
      registers.rax = page;
      Exit exit = cpu.enter(registers, Extended.KEEP);
      if (!exit.equals(Exit.Enclu.INSTANCE)) {
        assertThat(exit).isInstanceOfSatisfying(Exit.Fault.class, fault -> {
          assertThat(fault.vector()).isEqualTo(14);
          assertThat(fault.address()).isEqualTo(registers.rbx);
        });
      }
      access.append(exit.equals(Exit.Enclu.INSTANCE) ? "rw".charAt(program) : '-');
    }
    return access.toString();
  }

  @Test
  void bothKindsTogetherAreWhatWasAsked() {
    int pages = 48;
    for (int runs : new int[] {0, 4, 12}) {
      var seeded = Seeded.named("bothKindsTogetherAreWhatWasAsked");
      try (var platform = StubPlatform.open(StubOptions.DEFAULT, Duration.ofSeconds(10), runs);
          var space = (StubAddressSpace) platform.create(new AddressSpaceLayout(0, 64L * PAGE, 0, 1));
          var cpu = space.processor()) {
        prepare(space);
        var model = new ArrayList<>(Collections.nCopies(pages + 1, Permissions.NONE));
        for (int round = 0; round < 60; round++) {
          var ranges = new ArrayList<Range>();
          for (int i = seeded.below(6); i >= 0; i--) {
            int from = 1 + seeded.below(pages - 1);
            int length = 1 + seeded.below(Math.min(8, pages - from));
            var permissions = seeded.oneOf(List.of(Permissions.NONE, Permissions.NONE, Permissions.R, Permissions.RW));
            ranges.add(new Range((long) from * PAGE, (long) length * PAGE, permissions));
            model.subList(from, from + length).replaceAll(old -> permissions);
          }
          space.protect(ranges);
          if (round == 45) {
            space.mark(); // after which nothing is covered
            assertThat(space.permissions().covered()).isZero();
          }
          for (int page = 1; page < pages; page++) {
            String expected = model.get(page).toString().substring(0, 2);
            assertThat(access(space, cpu, page)).as("page %d in round %d", page, round).isEqualTo(expected);
            assertThat(space.permissions().at((long) page * PAGE)).isEqualTo(model.get(page));
          }
        }
      }
    }
  }

  /** More runs than the kernel gives mappings to a process. */
  @Test
  void everyOtherPageOfALargeEnclaveIsTakenAway() {
    long pages = 1 << 18;
    try (var platform = StubPlatform.open();
        var space = (StubAddressSpace) platform.create(new AddressSpaceLayout(0, pages * PAGE, 0, 1));
        var cpu = space.processor()) {
      prepare(space);
      space.protect(PAGE, (pages - 1) * PAGE, Permissions.RW);
      var ranges = new ArrayList<Range>();
      for (long page = 2; page < pages; page += 2) {
        ranges.add(new Range(page * PAGE, PAGE, Permissions.NONE));
      }
      assumeTrue(hasGuards(), "needs guard markers in files (Linux 6.15)");
      space.protect(ranges);
      assertThat(space.permissions().covered()).isGreaterThan(65_530);
      for (long page : new long[] {2, 1000, 100_000, 200_000, pages - 2}) {
        assertThat(access(space, cpu, page)).isEqualTo("--");
        assertThat(access(space, cpu, page + 1)).isEqualTo("rw");
      }
      space.discard(200_000L * PAGE, PAGE);
      assertThat(access(space, cpu, 200_000)).as("still, after its bytes have gone").isEqualTo("--");
      space.protect(PAGE, (pages - 1) * PAGE, Permissions.RW);
      assertThat(space.permissions().covered()).isZero();
      assertThat(access(space, cpu, 200_000)).isEqualTo("rw");
    }
  }

  private static boolean hasGuards() {
    try (var platform = StubPlatform.open(StubOptions.DEFAULT, Duration.ofSeconds(10), 0);
        var space = (StubAddressSpace) platform.create(new AddressSpaceLayout(0, 2L * PAGE, 0, 1))) {
      space.protect(0, PAGE, Permissions.NONE);
      return space.permissions().covered() > 0;
    }
  }
}
