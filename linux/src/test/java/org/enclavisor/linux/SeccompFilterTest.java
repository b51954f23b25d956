package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.junit.jupiter.api.Test;

/** Runs the filter in an interpreter of the few BPF instructions that it uses. */
class SeccompFilterTest {
  private static final int ALLOW = 0x7FFF0000;
  private static final int TRAP = 0x00030000;
  private static final int NOTIFY = 0x7FC00000;
  private static final int X86_64 = 0xC000003E;
  private static final int I386 = 0x40000003;
  private static final int COOKIE = 0xCAFE1234;

  private final StubLayout layout = StubLayout.of(new AddressSpaceLayout(0, 1 << 20, 4096, 3), 2696);
  private final StubBlock block = new StubBlock(layout, 7);
  private final StubProgram stub = new StubProgram(layout, block, 0);
  private final ByteBuffer filter =
      ByteBuffer.wrap(SeccompFilter.of(layout, stub, block, COOKIE)).order(ByteOrder.LITTLE_ENDIAN);

  private int verdict(int arch, int number, long ip, long... arguments) {
    return verdict(filter, arch, number, ip, arguments);
  }

  private static int verdict(ByteBuffer filter, int arch, int number, long ip, long... arguments) {
    var data = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN).putInt(number).putInt(arch).putLong(ip);
    for (long argument : arguments) {
      data.putLong(argument);
    }
    int accumulator = 0;
    for (int pc = 0; ; pc++) {
      int code = filter.getShort(8 * pc);
      int jumpTrue = filter.get(8 * pc + 2) & 0xFF;
      int jumpFalse = filter.get(8 * pc + 3) & 0xFF;
      int k = filter.getInt(8 * pc + 4);
      switch (code) {
        case 0x20 -> accumulator = data.getInt(k);
        case 0x54 -> accumulator &= k;
        case 0x15 -> pc += accumulator == k ? jumpTrue : jumpFalse;
        case 0x25 -> pc += Integer.compareUnsigned(accumulator, k) > 0 ? jumpTrue : jumpFalse;
        case 0x35 -> pc += Integer.compareUnsigned(accumulator, k) >= 0 ? jumpTrue : jumpFalse;
        case 0x06 -> {
          return k;
        }
        default -> throw new AssertionError("instruction " + Integer.toHexString(code));
      }
    }
  }

  @Test
  void futexesOfTheBlocksFromTheBlocks() {
    long word = layout.block(1) + StubLayout.MAILBOX;
    for (int i = 0; i < 3; i++) {
      for (int site : new int[] {block.sleepSite(), block.wakeSite()}) {
        long ip = layout.block(i) + site;
        assertThat(verdict(X86_64, Syscall.FUTEX, ip, word, 0, 2)).isEqualTo(ALLOW);
        assertThat(verdict(X86_64, Syscall.FUTEX, ip, word, 1, 1)).isEqualTo(ALLOW);
        assertThat(verdict(X86_64, Syscall.FUTEX, ip, word, 2)).as("other operations").isEqualTo(TRAP);
        assertThat(verdict(X86_64, Syscall.FUTEX, ip, word, 128)).as("private ones").isEqualTo(TRAP);
        assertThat(verdict(X86_64, Syscall.FUTEX, ip, layout.untrusted(), 1)).as("other memory").isEqualTo(TRAP);
        assertThat(verdict(X86_64, Syscall.FUTEX, ip, layout.stub() + layout.stubBytes(), 1)).isEqualTo(TRAP);
        assertThat(verdict(X86_64, Syscall.FUTEX, ip, word + (1L << 32), 1)).isEqualTo(TRAP);
        assertThat(verdict(X86_64, Syscall.FUTEX, ip + 1, word, 1)).isEqualTo(TRAP);
        assertThat(verdict(X86_64, Syscall.FUTEX, ip + (1L << 32), word, 1)).isEqualTo(TRAP);
        assertThat(verdict(I386, Syscall.FUTEX, ip, word, 1)).isEqualTo(TRAP);
        assertThat(verdict(X86_64, Syscall.FUTEX | 1 << 30, ip, word, 1)).as("x32").isEqualTo(TRAP);
      }
    }
    assertThat(verdict(X86_64, Syscall.FUTEX, layout.block(3) + block.wakeSite(), word, 1)).isEqualTo(TRAP);
    assertThat(verdict(X86_64, Syscall.FUTEX, layout.enclave() + block.wakeSite(), word, 1)).isEqualTo(TRAP);
    assertThat(verdict(X86_64, Syscall.FUTEX, stub.stewardSite(), word, 1)).isEqualTo(TRAP);
  }

  @Test
  void signalStacksOfTheTableOnly() {
    long ip = layout.block(2) + block.stackSite();
    long table = layout.stub() + StubLayout.STACKS;
    for (int i = 0; i < 3; i++) {
      assertThat(verdict(X86_64, Syscall.SIGALTSTACK, ip, table + 32L * i, 0)).isEqualTo(ALLOW);
    }
    assertThat(verdict(X86_64, Syscall.SIGALTSTACK, ip, table + 8, 0)).as("between two").isEqualTo(TRAP);
    assertThat(verdict(X86_64, Syscall.SIGALTSTACK, ip, table + 96, 0)).as("behind the last").isEqualTo(TRAP);
    assertThat(verdict(X86_64, Syscall.SIGALTSTACK, ip, layout.enclave(), 0)).isEqualTo(TRAP);
    assertThat(verdict(X86_64, Syscall.SIGALTSTACK, ip, table, layout.enclave())).as("asking back").isEqualTo(TRAP);
    assertThat(verdict(X86_64, Syscall.SIGALTSTACK, ip - 1, table, 0)).isEqualTo(TRAP);
  }

  @Test
  void theStewardsCallsGoToTheJvm() {
    long secret = (long) COOKIE << 32;
    for (int call : new int[] {StubProgram.NEXT, Syscall.MMAP, Syscall.MPROTECT, Syscall.MUNMAP, Syscall.CLONE}) {
      assertThat(verdict(X86_64, call, stub.stewardSite(), 1, 2, 3, 4, secret | 5, 6)).isEqualTo(NOTIFY);
      assertThat(verdict(X86_64, call, stub.stewardSite(), 1, 2, 3, 4, 5, 6)).isEqualTo(TRAP);
      assertThat(verdict(X86_64, call, stub.stewardSite() + 1, 1, 2, 3, 4, secret, 6)).isEqualTo(TRAP);
      assertThat(verdict(I386, call, stub.stewardSite(), 1, 2, 3, 4, secret, 6)).isEqualTo(TRAP);
    }
  }

  @Test
  void theTableIsForPermissionsOnly() {
    assertThat(verdict(X86_64, Syscall.MPROTECT, stub.tableSite(), 1, 2, 3)).isEqualTo(ALLOW);
    assertThat(verdict(X86_64, Syscall.MADVISE, stub.tableSite(), 1, 2, 3)).isEqualTo(ALLOW);
    assertThat(verdict(X86_64, Syscall.MPROTECT, stub.tableSite() + (1L << 32), 1, 2, 3)).isEqualTo(TRAP);
    assertThat(verdict(X86_64, Syscall.MPROTECT, stub.birthSite(), 1, 2, 3)).isEqualTo(TRAP);
    assertThat(verdict(X86_64, Syscall.MMAP, stub.tableSite(), 1, 2, 3)).isEqualTo(TRAP);
    assertThat(verdict(X86_64, Syscall.PWRITE64, stub.doneSite(), 1, 2, 3)).isEqualTo(ALLOW);
    assertThat(verdict(X86_64, Syscall.PWRITE64, stub.tableSite(), 1, 2, 3)).isEqualTo(TRAP);
    assertThat(verdict(I386, Syscall.MPROTECT, stub.tableSite(), 1, 2, 3)).isEqualTo(TRAP);
  }

  @Test
  void aNewThreadMayPutOnItsOwnFilterAndNoOther() {
    long program = layout.stub() + StubLayout.THREAD_FILTER;
    assertThat(verdict(X86_64, Syscall.SECCOMP, stub.birthSite(), 1, 0, program)).isEqualTo(ALLOW);
    assertThat(verdict(X86_64, Syscall.SECCOMP, stub.birthSite(), 1, 0, program + 8)).isEqualTo(TRAP);
    assertThat(verdict(X86_64, Syscall.SECCOMP, stub.birthSite(), 1, 8, program)).isEqualTo(TRAP);
    assertThat(verdict(X86_64, Syscall.SECCOMP, stub.birthSite(), 0, 0, program)).isEqualTo(TRAP);
    assertThat(verdict(X86_64, Syscall.SECCOMP, stub.tableSite(), 1, 0, program)).isEqualTo(TRAP);
  }

  @Test
  void aThreadOfTheEnclaveHasNothingOfTheSteward() {
    var threads = ByteBuffer.wrap(SeccompFilter.ofThread()).order(ByteOrder.LITTLE_ENDIAN);
    for (int number = -1; number < 5000; number++) {
      boolean passes = number == Syscall.FUTEX || number == Syscall.SIGALTSTACK;
      assertThat(verdict(threads, X86_64, number, 0)).as("call %d", number).isEqualTo(passes ? ALLOW : TRAP);
    }
  }

  @Test
  void nothingElsePasses() {
    long secret = (long) COOKIE << 32;
    var passing = new java.util.TreeSet<Integer>();
    for (int number = -1; number < 5000; number++) {
      for (long ip : new long[] {
        stub.stewardSite(), stub.tableSite(), stub.birthSite(), stub.doneSite(),
        layout.block(0) + block.wakeSite(), layout.block(0) + block.stackSite(), layout.enclave()
      }) {
        if (verdict(X86_64, number, ip, layout.block(0) + StubLayout.MAILBOX, 0, 0, 0, secret, 0) != TRAP) {
          passing.add(number);
        }
      }
    }
    assertThat(passing).containsExactly(
        Syscall.CLOSE, Syscall.MMAP, Syscall.MPROTECT, Syscall.MUNMAP, Syscall.PWRITE64, Syscall.MADVISE, Syscall.CLONE,
        Syscall.PRCTL,
        Syscall.FUTEX, StubProgram.NEXT);
  }
}
