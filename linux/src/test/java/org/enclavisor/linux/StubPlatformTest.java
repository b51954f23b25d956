package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Extended;
import org.enclavisor.monitor.spi.LogicalProcessor;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.Test;

class StubPlatformTest {

  @Test
  void enclaveCodeRunsToItsEnclu() {
    try (StubPlatform platform = StubPlatform.open();
        AddressSpace space = platform.create(new AddressSpaceLayout(0, 1 << 20, 8192, 2))) {
      byte[] code = HexFormat.of().parseHex("b8040000000f01d7");
      MemorySegment.copy(code, 0, space.enclave(), ValueLayout.JAVA_BYTE, 0x1000, code.length);
      space.protect(0x1000, 0x1000, Permissions.RX);
      LogicalProcessor lp = space.processor();
      for (int i = 0; i < 3; i++) {
        Registers r = new Registers();
        r.rip = space.enclaveBase() + 0x1000;
        r.rbx = 77 + i;
        r.rcx = 5;
        r.rflags = 0x893;
        Exit exit = lp.enter(r, Extended.KEEP);
        assertThat(exit).isEqualTo(Exit.Enclu.INSTANCE);
        assertThat(r.rax).isEqualTo(4);
        assertThat(r.rbx).isEqualTo(77 + i);
        assertThat(r.rip).isEqualTo(space.enclaveBase() + 0x1005);
        assertThat(r.rflags).isEqualTo(0xA93);
      }
    }
  }
}
