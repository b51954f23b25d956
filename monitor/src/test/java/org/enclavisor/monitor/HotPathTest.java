package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.Test;

class HotPathTest {
  private static final int EEXIT = EncluLeaf.EEXIT.code();

  @Test
  void enteringAndLeavingAllocatesNothing() {
    ScriptedPlatform platform = new ScriptedPlatform();
    platform.script =
        (cpu, r, extended) -> {
          r.rax = EEXIT;
          r.rbx = r.rcx;
          return Exit.Enclu.INSTANCE;
        };
    try (Monitor monitor = new Monitor(platform, MonitorConfig.defaults())) {
      CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
      EnterCall call = EnterCall.eenter(e.base() + TestEnclaves.TCS_OFFSET, 0x9000);
      Registers registers = new Registers();
      rounds(monitor, e.id(), call, registers, 30_000);
      long before = Allocation.bytes();
      rounds(monitor, e.id(), call, registers, 100_000);
      long allocated = Allocation.bytes() - before;
      // The compiler's own bookkeeping may show; an object a round would be 1.6 MB.
      assertThat(allocated).isLessThan(100_000);
    }
  }

  private static void rounds(Monitor monitor, EnclaveId id, EnterCall call, Registers registers, int count) {
    for (int i = 0; i < count; i++) {
      if (monitor.enter(id, call, registers) != EnterOutcome.Exited.INSTANCE) {
        throw new AssertionError("not exited");
      }
    }
  }
}
