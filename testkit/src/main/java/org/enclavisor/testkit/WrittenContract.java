package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.enclavisor.testkit.Contract.assertEnclu;
import static org.enclavisor.testkit.Contract.assertInterrupt;
import static org.enclavisor.testkit.Reg.R8;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Reg.RDX;
import static org.enclavisor.testkit.Testbed.DATA;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.Test;

/** Between two marks no write is lost. */
interface WrittenContract extends Contract {
  int PAGE = AddressSpaceLayout.PAGE;

  private static void assertContains(BitSet written, int... pages) {
    for (int page : pages) {
      assertThat(written.get(page)).as("page %d in %s", page, written).isTrue();
    }
  }

  @Test
  default void withoutAMarkThereIsNoAnswer() {
    try (var testbed = testbed()) {
      assertThatThrownBy(() -> testbed.space().written()).isInstanceOf(IllegalStateException.class);
      testbed.word(DATA, 1);
      assertThat(testbed.space().mark().isEmpty()).as("nothing was noted before the first mark").isTrue();
    }
  }

  @Test
  default void everyWayOfWritingIsNoted() {
    try (var testbed = testbed(); var processor = testbed.processor(); Arena arena = Arena.ofConfined()) {
      AddressSpace space = testbed.space();
      long rip = testbed.program(c -> c.store(RBX, 0, RAX).enclu());
      int data = (int) (DATA / PAGE);
      for (int round = 1; round < 5; round++) {
        space.mark();
        var registers = testbed.at(rip);
        registers.rbx = testbed.address(DATA);
        assertEnclu(processor.enter(registers, Extended.KEEP));
        testbed.word(DATA + PAGE, round);
        space.fill(DATA + 2 * PAGE, arena.allocate(PAGE).fill((byte) round));
        space.protect(DATA + 3 * PAGE, PAGE, Permissions.NONE);
        testbed.word(DATA + 3 * PAGE, round);
        assertContains(space.written(), data, data + 1, data + 2, data + 3);
        assertContains(space.mark(), data, data + 1, data + 2, data + 3);
        space.discard(DATA + 3 * PAGE, PAGE);
        assertContains(space.written(), data + 3);
        space.protect(DATA + 3 * PAGE, PAGE, Permissions.RW);
        registers.rip = rip;
        registers.rbx = testbed.address(DATA + 3 * PAGE);
        space.mark();
        assertEnclu(processor.enter(registers, Extended.KEEP));
        assertContains(space.written(), data + 3);
      }
    }
  }

  /**
   * Enclave threads write all over a range, and the monitor too, while marks are set. A copy that follows the marks, as
   * a migration's does, is the memory at the end.
   */
  @Test
  default void aCopyThatFollowsTheMarksIsComplete() {
    int[] strides = {0x1008, 0x2f18};
    long size = 512L * PAGE;
    long half = size / 2;
    try (var space = platform().create(new AddressSpaceLayout(0, size, 0, strides.length))) {
      space.protect(List.of(
          new AddressSpace.Range(0, PAGE, Permissions.RX), new AddressSpace.Range(half, half, Permissions.RW)));
      var cpus = new ArrayList<LogicalProcessor>();
      for (int i = 0; i < strides.length; i++) {
        byte[] code = walk(space.enclaveBase() + 64 * i, strides[i]);
        MemorySegment.copy(code, 0, space.enclave(), ValueLayout.JAVA_BYTE, 64L * i, code.length);
        cpus.add(space.processor());
      }
      byte[] copy = new byte[(int) size];
      space.mark();
      MemorySegment.copy(space.enclave(), ValueLayout.JAVA_BYTE, 0, copy, 0, copy.length);
      var seeded = Seeded.named("aCopyThatFollowsTheMarksIsComplete");
      for (int round = 0; round < 10; round++) {
        var exits = new ArrayList<CompletableFuture<Exit>>();
        for (int i = 0; i < strides.length; i++) {
          var registers = new Registers();
          registers.rip = space.enclaveBase() + 64 * i;
          registers.r8 = half / strides[i] - 1;
          registers.rdx = space.enclaveBase() + half + 8 * seeded.below(strides[i] / 8);
          registers.rbx = registers.rdx;
          registers.rcx = registers.r8;
          exits.add(Testbed.start(cpus.get(i), registers));
        }
        for (int i = 0; i < 5; i++) {
          follow(space, copy); // while they run: what is torn is being written, and comes again
          space.enclave().set(ValueLayout.JAVA_LONG, half + 8L * seeded.below((int) half / 8), seeded.word());
        }
        space.quiesce();
        exits.forEach(exit -> assertInterrupt(Testbed.await(exit)));
        follow(space, copy);
        assertThat(space.enclave().mismatch(MemorySegment.ofArray(copy))).as("round %d", round).isEqualTo(-1);
        space.resume();
      }
    }
  }

  /** A mark, and what was written before it. */
  private static void follow(AddressSpace space, byte[] copy) {
    for (int page : space.mark().stream().toArray()) {
      MemorySegment.copy(
          space.enclave(), ValueLayout.JAVA_BYTE, (long) page * PAGE, copy, page * PAGE, PAGE);
    }
  }

  /**
   * Adds one to words that are so far apart, for ever. RBX: the first; RCX: how many; RDX and R8: the same, to begin
   * again with.
   */
  private static byte[] walk(long address, int stride) {
    var c = Code.at(address);
    var loop = c.label();
    return c.bind(loop).lockInc(RBX, 0).add(RBX, stride).sub(RCX, 1).jnz(loop)
        .mov(RBX, RDX).mov(RCX, R8).jmp(loop).bytes();
  }
}
