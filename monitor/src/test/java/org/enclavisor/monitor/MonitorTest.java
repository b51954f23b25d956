package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.Test;

class MonitorTest {
  private final ScriptedPlatform platform = new ScriptedPlatform();

  @Test
  void roundTrip() {
    platform.script =
        (cpu, r, extended) -> {
          assertThat(r.rip).isEqualTo(platform.defaultBase + TestEnclaves.ENTRY);
          assertThat(r.rax).as("CSSA").isZero();
          assertThat(r.rbx).as("the TCS").isEqualTo(platform.defaultBase + TestEnclaves.TCS_OFFSET);
          assertThat(r.rcx).as("behind the ENCLU").isEqualTo(0x1237);
          r.rbx = r.rcx;
          r.rax = EncluLeaf.EEXIT.code();
          r.rdi = r.rdi + 1;
          return Exit.Enclu.INSTANCE;
        };
    try (Monitor monitor = new Monitor(platform, MonitorConfig.defaults())) {
      CreateOutcome.Created enclave = TestEnclaves.load(monitor, TestEnclaves.secs());
      Registers r = new Registers();
      r.rip = 0x1234;
      r.rdi = 41;
      r.fsBase = 77;
      EnterCall call = EnterCall.eenter(enclave.base() + TestEnclaves.TCS_OFFSET, 0x9999);
      EnterOutcome outcome = monitor.enter(enclave.id(), call, r);
      assertThat(outcome).isEqualTo(EnterOutcome.Exited.INSTANCE);
      assertThat(r.rdi).isEqualTo(42);
      assertThat(r.rip).isEqualTo(0x1237);
      assertThat(r.rcx).isEqualTo(0x9999);
      assertThat(r.fsBase).isEqualTo(77);
    }
  }
}
