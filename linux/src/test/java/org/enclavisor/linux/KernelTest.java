package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class KernelTest {

  @Test
  void rawCallsReturnTheNegatedErrorNumber() {
    assertThat(Kernel.raw(Syscall.CLOSE, -1, 0, 0)).isEqualTo(-Errno.EBADF);
    assertThat(Kernel.getpid()).isEqualTo((int) ProcessHandle.current().pid());
  }

  @Test
  void theSixthArgumentArrives() {
    int fd = Kernel.memfd("enclavisor-test", 3 * Kernel.PAGE);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment whole = Kernel.mapShared(fd, 3 * Kernel.PAGE, arena);
      whole.set(ValueLayout.JAVA_LONG, 2 * Kernel.PAGE, 42);
      long last = Kernel.mmap(0, Kernel.PAGE, Kernel.PROT_READ, Kernel.MAP_SHARED, fd, 2 * Kernel.PAGE);
      MemorySegment seen = Arena.ofAuto().allocate(8);
      assertThat(Kernel.processRead(Kernel.getpid(), last, seen)).isEqualTo(8);
      assertThat(seen.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(42);
      Kernel.munmap(last, Kernel.PAGE);
      assertThat(Kernel.residentBytes(fd)).isEqualTo(Kernel.PAGE);
    } finally {
      Kernel.close(fd);
    }
  }

  @Test
  void memoryIsSealedAgainstAChangeOfItsSize() {
    int fd = Kernel.memfd("enclavisor-test", Kernel.PAGE);
    assertThat(Kernel.raw(Syscall.FTRUNCATE, fd, 0, 0)).isEqualTo(-Errno.EPERM);
    assertThat(Kernel.raw(Syscall.FTRUNCATE, fd, 2 * Kernel.PAGE, 0)).isEqualTo(-Errno.EPERM);
    Kernel.close(fd);
    assertThat(Kernel.isOpen(fd)).isFalse();
  }

  @Test
  void failuresNameTheCallItsArgumentsAndTheReason() {
    assertThatThrownBy(() -> Kernel.close(-1))
        .isInstanceOf(SyscallException.class)
        .hasMessage("close(0xffffffffffffffff) failed: EBADF (bad file descriptor)");
  }

  @Test
  void affinityIsReadAndSet() {
    var all = Kernel.affinity(0);
    assertThat(all.cardinality()).isPositive();
    assertThat(Kernel.setAffinity(0, all)).isTrue();
    assertThat(Kernel.affinity(0)).isEqualTo(all);
    assertThat(all.get(Kernel.currentProcessor())).isTrue();
  }

  @Test
  void theProcessorTellsItsExtendedState() {
    assertThat(LinuxMachine.INSTANCE.xcr0() & 3).isEqualTo(3);
    assertThat(LinuxMachine.INSTANCE.xsaveBytes()).isGreaterThanOrEqualTo(576);
    assertThat(Cpuid.query(0, 0).eax()).isPositive();
    assertThat(Cpuid.brand()).isNotBlank();
  }
}
