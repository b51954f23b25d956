package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.enclavisor.testkit.Contract.assertEnclu;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Testbed.DATA;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.PlatformException;
import org.junit.jupiter.api.Test;

/** The ELRANGE is sparse, zero at first and as accessible as was said; untrusted memory is shared. */
interface MemoryContract extends Contract {
  long MEBIBYTE = 1 << 20;

  /** Bytes of the ELRANGE that shows sparseness. */
  default long largeEnclave() {
    return 4096 * MEBIBYTE;
  }

  @Test
  default void memoryIsZeroAndInaccessibleAtFirst() {
    try (var space = platform().create(new AddressSpaceLayout(0, 0x4000, 0x2000, 1)); var cpu = space.processor()) {
      assertThat(space.enclave().byteSize()).isEqualTo(0x4000);
      assertThat(space.untrusted().byteSize()).isEqualTo(0x2000);
      assertThat(space.enclave().toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
      assertThat(space.untrusted().toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
      for (long offset = 0; offset < 0x4000; offset += 0x1000) {
        var registers = new org.enclavisor.monitor.spi.Registers();
        registers.rip = space.enclaveBase() + offset;
        assertThat(cpu.enter(registers, Extended.KEEP)).isInstanceOfSatisfying(
            Exit.Fault.class, f -> assertThat(f.vector()).isEqualTo(14));
      }
    }
  }

  @Test
  default void whatIsFilledInIsThere() {
    try (var space = platform().create(new AddressSpaceLayout(0, 0x100000, 0, 1)); Arena arena = Arena.ofConfined()) {
      byte[] bytes = new byte[0x20000];
      new Random(1).nextBytes(bytes);
      space.fill(0x40000, arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes)); // pages that nobody has touched
      assertThat(space.enclave().asSlice(0x40000, 0x20000).toArray(ValueLayout.JAVA_BYTE)).isEqualTo(bytes);
      space.fill(0x50000, MemorySegment.ofArray(bytes)); // half of them over others, and from the heap
      assertThat(space.enclave().asSlice(0x50000, 0x20000).toArray(ValueLayout.JAVA_BYTE)).isEqualTo(bytes);
      assertThat(space.enclave().asSlice(0x40000, 0x10000).mismatch(MemorySegment.ofArray(bytes).asSlice(0, 0x10000)))
          .isEqualTo(-1);
      assertThat(space.residentBytes()).isBetween(0x30000L, 0x32000L);
      assertThatThrownBy(() -> space.fill(0xff000, MemorySegment.ofArray(bytes)))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  default void untrustedMemoryLiesWhereItIsWanted() {
    long enclave = 0x2000_0000_0000L;
    for (long untrusted : new long[] {
        0x10_0000, 0x1fff_ffff_0000L, 0x1fff_fe00_0000L, 0x2000_0100_1000L, 0x6000_0000_0000L, 0x7000_0000_0000L}) {
      var layout = new AddressSpaceLayout(enclave, 16 * MEBIBYTE, untrusted, 0x8000, 4);
      try (var space = platform().create(layout); var cpu = space.processor()) {
        assertThat(space.untrustedBase()).isEqualTo(untrusted);
        byte[] code = Code.at(enclave).store(RBX, 0, RAX).enclu().bytes();
        MemorySegment.copy(code, 0, space.enclave(), ValueLayout.JAVA_BYTE, 0, code.length);
        space.protect(0, 0x1000, Permissions.RX);
        var registers = new org.enclavisor.monitor.spi.Registers();
        registers.rip = enclave;
        registers.rax = 77;
        registers.rbx = untrusted + 0x7ff8;
        assertEnclu(cpu.enter(registers, Extended.KEEP));
        assertThat(space.untrusted().get(ValueLayout.JAVA_LONG, 0x7ff8)).isEqualTo(77);
      }
    }
    assertThatThrownBy(() -> new AddressSpaceLayout(enclave, 0x10000, enclave + 0x8000, 0x10000, 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(
            () -> platform().create(new AddressSpaceLayout(enclave, 0x10000, 0x7fff_ffff_f000L, 0x10000, 1)))
        .isInstanceOf(PlatformException.class);
  }

  @Test
  default void pagesWithContentAreToldAndTellingCostsNothing() {
    try (var space = platform().create(new AddressSpaceLayout(0, largeEnclave(), 0, 1))) {
      assertThat(space.touched().isEmpty()).isTrue();
      int[] pages = {0, 3, 4, 100_000 % (int) (largeEnclave() / 4096), (int) (largeEnclave() / 4096) - 1};
      for (int page : pages) {
        space.enclave().set(ValueLayout.JAVA_BYTE, page * 4096L + 5, (byte) 1);
      }
      for (int page : pages) {
        assertThat(space.touched().get(page)).as("page %d", page).isTrue();
      }
      assertThat(space.touched().cardinality()).isLessThan(100);
      space.protect(3 * 4096, 4096, Permissions.NONE);
      space.discard(3 * 4096, 4096);
      assertThat(space.touched().get(3)).isFalse();
      assertThat(space.residentBytes()).isLessThan(MEBIBYTE);
    }
  }

  @Test
  default void theBaseIsAlignedToTheSize() {
    for (long size = 0x2000; size <= 1024 * MEBIBYTE; size *= 8) {
      try (var space = platform().create(new AddressSpaceLayout(0, size, 0x1000, 1))) {
        assertThat(space.enclaveBase() % size).isZero();
        assertThat(space.enclaveBase()).isPositive();
        assertThat(space.untrustedBase() % 0x1000).isZero();
        assertThat(space.untrustedBase() + 0x1000 <= space.enclaveBase()
            || space.untrustedBase() >= space.enclaveBase() + size).as("untrusted memory lies outside").isTrue();
      }
    }
  }

  /** Bases that hosts ask for: low ones, high ones, and wherever a platform might have put something of its own. */
  @Test
  default void theBaseThatIsAskedForIsTheOneThatIsUsed() {
    for (long base : new long[] {
      0x10000, 0x40_0000, 0x1000_0000, 0x1_0000_0000L, 0x1000_0000_0000L, 0x2000_0000_0000L, 0x5555_5555_0000L,
      0x7000_0000_0000L, 0x7fff_f000_0000L
    }) {
      try (var space = platform().create(new AddressSpaceLayout(base, 0x10000, 0x1000, 1));
          var cpu = space.processor()) {
        assertThat(space.enclaveBase()).isEqualTo(base);
        space.protect(0, 0x1000, Permissions.RX);
        byte[] code = Code.at(base).enclu().bytes();
        space.enclave().asSlice(0, code.length).copyFrom(java.lang.foreign.MemorySegment.ofArray(code));
        var registers = new org.enclavisor.monitor.spi.Registers();
        registers.rip = base;
        assertEnclu(cpu.enter(registers, Extended.KEEP));
      }
    }
  }

  @Test
  default void aBaseThatLinuxGivesToNoProgramIsRefused() {
    assertThatThrownBy(() -> platform().create(new AddressSpaceLayout(1L << 47, 0x10000, 0, 1)))
        .isInstanceOf(PlatformException.class);
    assertThatThrownBy(() -> platform().create(new AddressSpaceLayout(1L << 62, 0x10000, 0, 1)))
        .isInstanceOf(PlatformException.class);
  }

  @Test
  default void untrustedMemoryMayBeAbsent() {
    try (var space = platform().create(new AddressSpaceLayout(0, 0x2000, 0, 1))) {
      assertThat(space.untrusted().byteSize()).isZero();
    }
  }

  @Test
  default void onlyPagesThatWereTouchedCost() {
    try (var space = platform().create(new AddressSpaceLayout(0, largeEnclave(), 0x1000, 1))) {
      assertThat(space.residentBytes()).isZero();
      space.protect(0, largeEnclave(), Permissions.RW);
      assertThat(space.residentBytes()).as("protecting is free").isZero();
      for (int i = 0; i < 10; i++) {
        space.enclave().set(ValueLayout.JAVA_BYTE, i * (largeEnclave() / 10) & -4096L, (byte) 1);
      }
      assertThat(space.residentBytes()).isBetween(10 * 4096L, 2 * MEBIBYTE);
    }
  }

  @Test
  default void pagesThatEnclaveCodeTouchesCost() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      var registers = testbed.at(testbed.program(c -> c.store(RBX, 0, RAX).enclu()));
      registers.rax = 1;
      registers.rbx = testbed.address(DATA);
      long before = testbed.space().residentBytes();
      assertEnclu(processor.enter(registers, Extended.KEEP));
      assertThat(testbed.space().residentBytes()).isEqualTo(before + 4096);
    }
  }

  /** What a processor may do with a data page: whether a program that reads, or writes, or executes it ends well. */
  private static String allowed(Testbed testbed, LogicalProcessor processor, long page) {
    long read = testbed.program(0x1000, c -> c.load(RAX, RBX, 8).enclu());
    long write = testbed.program(0x1100, c -> c.store(RBX, 8, RAX).enclu());
    long[] entries = {read, write, testbed.address(page)};
    var allowed = new StringBuilder();
    for (int i = 0; i < 3; i++) {
      var registers = testbed.at(entries[i]);
      registers.rbx = testbed.address(page);
      boolean well = processor.enter(registers, Extended.KEEP) instanceof Exit.Enclu;
      allowed.append(well ? "rwx".charAt(i) : '-');
    }
    return allowed.toString();
  }

  @Test
  default void protectSetsWhatMayBeDone() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      testbed.program(DATA, Code::enclu);
      testbed.program(DATA + 0x1000, Code::enclu);
      var seeded = Seeded.named("protectSetsWhatMayBeDone");
      for (int i = 0; i < 40; i++) {
        var permissions = seeded.oneOf(java.util.List.of(
            Permissions.NONE, Permissions.R, Permissions.RW, Permissions.RX, Permissions.RWX));
        testbed.space().protect(DATA, 0x1000, permissions);
        assertThat(allowed(testbed, processor, DATA)).isEqualTo(permissions.toString());
        assertThat(allowed(testbed, processor, DATA + 0x1000)).as("the neighbour").isEqualTo("rw-");
      }
    }
  }

  @Test
  default void protectCountsAtOnceForAProcessorThatRuns() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      // loop: lock inc [data]; lock inc [rbx]; jmp loop
      var registers = testbed.at(testbed.program(c -> {
        var loop = c.label();
        c.bind(loop).lockInc(RCX, 0).lockInc(RBX, 0).jmp(loop);
      }));
      registers.rbx = testbed.space().untrustedBase();
      registers.rcx = testbed.address(DATA);
      var exit = Testbed.start(processor, registers);
      testbed.awaitUntrusted(0, 100);
      testbed.space().protect(DATA, 0x1000, Permissions.R);
      long atReturn = testbed.word(DATA);
      assertThat(Testbed.await(exit)).isInstanceOfSatisfying(Exit.Fault.class, fault -> {
        assertThat(fault.vector()).isEqualTo(14);
        assertThat(fault.address()).isEqualTo(testbed.address(DATA));
      });
      assertThat(testbed.word(DATA)).as("nothing was written after protect had returned").isEqualTo(atReturn);
    }
  }

  @Test
  default void severalRangesAreSetInTheirOrder() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      testbed.space().protect(List.of(
          new AddressSpace.Range(DATA, 0x4000, Permissions.NONE),
          new AddressSpace.Range(DATA + 0x1000, 0x2000, Permissions.RW),
          new AddressSpace.Range(DATA + 0x2000, 0x1000, Permissions.R)));
      assertThat(List.of(0, 0x1000, 0x2000, 0x3000).stream().map(page -> allowed(testbed, processor, DATA + page)))
          .containsExactly("---", "rw-", "r--", "---");
      testbed.space().protect(List.of());
      var beyond = List.of(
          new AddressSpace.Range(DATA, 0x1000, Permissions.RW),
          new AddressSpace.Range(Testbed.SIZE, 0x1000, Permissions.RW));
      assertThatThrownBy(() -> testbed.space().protect(beyond)).isInstanceOf(IllegalArgumentException.class);
      assertThat(allowed(testbed, processor, DATA)).as("none is set if one is wrong").isEqualTo("---");
    }
  }

  @Test
  default void manyRangesAtOnceCountForEveryPage() {
    int pages = 600;
    try (var space = platform().create(new AddressSpaceLayout(0, 1 << 22, 0, 1)); var cpu = space.processor()) {
      space.protect(0, 0x1000, Permissions.RX);
      byte[] code = Code.at(space.enclaveBase()).store(RBX, 0, RAX).enclu().bytes();
      space.enclave().asSlice(0, code.length).copyFrom(MemorySegment.ofArray(code));
      var ranges = new ArrayList<AddressSpace.Range>();
      for (int i = 1; i <= pages; i++) {
        ranges.add(new AddressSpace.Range(i * 4096L, 4096, i % 3 == 0 ? Permissions.RW : Permissions.R));
      }
      space.protect(ranges);
      for (int i = 1; i <= pages; i++) {
        var registers = new org.enclavisor.monitor.spi.Registers();
        registers.rip = space.enclaveBase();
        registers.rbx = space.enclaveBase() + i * 4096L;
        registers.rax = i;
        assertThat(cpu.enter(registers, Extended.KEEP) instanceof Exit.Enclu).as("page %d", i).isEqualTo(i % 3 == 0);
      }
    }
  }

  @Test
  default void whatIsDiscardedIsZeroAndCostsNothing() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      AddressSpace space = testbed.space();
      testbed.word(DATA, 1);
      testbed.word(DATA + 0x1000, 2);
      testbed.word(DATA + 0x2ff8, 3);
      testbed.word(DATA + 0x3000, 4);
      long before = space.residentBytes();
      space.protect(DATA + 0x1000, 0x2000, Permissions.NONE);
      space.discard(DATA + 0x1000, 0x2000);
      assertThat(space.residentBytes()).isEqualTo(before - 0x2000);
      assertThat(allowed(testbed, processor, DATA + 0x1000)).isEqualTo("---");
      space.protect(DATA + 0x1000, 0x2000, Permissions.RW);
      for (long word = DATA + 0x1000; word < DATA + 0x3000; word += 8) {
        assertThat(testbed.word(word)).isZero();
      }
      assertThat(allowed(testbed, processor, DATA + 0x1000)).isEqualTo("rw-");
      assertThat(testbed.word(DATA)).isEqualTo(1);
      assertThat(testbed.word(DATA + 0x3000)).isEqualTo(4);
    }
  }

  /** The bytes must be gone in the enclave's own page tables too. */
  @Test
  default void enclaveCodeSeesNothingOfWhatWasDiscarded() {
    try (var testbed = testbed(); var processor = testbed.processor()) {
      long rip = testbed.program(c -> c.load(RAX, RBX, 0).store(RBX, 0, RCX).enclu());
      for (int i = 0; i < 20; i++) {
        var registers = testbed.at(rip);
        registers.rbx = testbed.address(DATA);
        registers.rcx = 0x1234;
        assertEnclu(processor.enter(registers, Extended.KEEP));
        assertThat(registers.rax).isZero();
        testbed.space().protect(DATA, 0x1000, Permissions.NONE);
        testbed.space().discard(DATA, 0x1000);
        testbed.space().protect(DATA, 0x1000, Permissions.RW);
      }
    }
  }

  @Test
  default void discardTakesWholePagesOfTheElrangeOnly() {
    try (var testbed = testbed()) {
      long[][] wrong = {{1, 0x1000}, {0, 0}, {0, -0x1000}, {-0x1000, 0x1000}, {0, Testbed.SIZE + 0x1000}};
      for (long[] range : wrong) {
        assertThatThrownBy(() -> testbed.space().discard(range[0], range[1]))
            .isInstanceOf(IllegalArgumentException.class);
      }
    }
  }

  @Test
  default void protectTakesWholePagesOfTheElrangeOnly() {
    try (var testbed = testbed()) {
      long[][] wrong = {
        {1, 0x1000}, {0, 0}, {0, 1}, {0, -0x1000}, {-0x1000, 0x1000}, {0, Testbed.SIZE + 0x1000},
        {Testbed.SIZE, 0x1000}, {0x1000, Long.MAX_VALUE & -4096L}
      };
      for (long[] range : wrong) {
        assertThatThrownBy(() -> testbed.space().protect(range[0], range[1], Permissions.RWX))
            .as("offset %x length %x", range[0], range[1])
            .isInstanceOf(IllegalArgumentException.class);
      }
    }
  }

  @Test
  default void accessBeyondASegmentThrows() {
    try (var testbed = testbed()) {
      assertThatThrownBy(() -> testbed.space().enclave().get(ValueLayout.JAVA_BYTE, Testbed.SIZE))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> testbed.space().untrusted().get(ValueLayout.JAVA_BYTE, Testbed.UNTRUSTED_SIZE))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  default void layoutsThatCannotBeAreRefused() {
    long[][] wrong = {
      {0, 0, 0, 1}, {0, 4096, 0, 1}, {0, 12288, 0, 1}, {0, -8192, 0, 1}, {4096, 8192, 0, 1}, {-8192, 8192, 0, 1},
      {0, 8192, 1, 1}, {0, 8192, -4096, 1}, {0, 8192, 0, 0}, {0, 8192, 0, -1}
    };
    for (long[] layout : wrong) {
      assertThatThrownBy(() -> new AddressSpaceLayout(layout[0], layout[1], layout[2], (int) layout[3]))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  default void addressSpacesShareNothing() {
    try (var one = testbed(); var other = testbed(); var processor = one.processor()) {
      var registers = one.at(one.program(c -> c.store(RBX, 0, RAX).store(RCX, 0, RAX).enclu()));
      registers.rax = 77;
      registers.rbx = one.address(DATA);
      registers.rcx = one.space().untrustedBase();
      assertEnclu(processor.enter(registers, Extended.KEEP));
      assertThat(one.word(DATA)).isEqualTo(77);
      assertThat(one.untrusted(0)).isEqualTo(77);
      assertThat(other.word(DATA)).isZero();
      assertThat(other.untrusted(0)).isZero();
    }
  }
}
