package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.junit.jupiter.api.Test;

class StartScriptTest {
  private static final StubLayout LAYOUT = StubLayout.of(new AddressSpaceLayout(0, 1 << 20, 4096, 3), 2696);

  /** A child whose parent is not the one that it expects has been orphaned meanwhile. */
  @Test
  void aStepThatFailsEndsTheProcessAndIsNamed() {
    var block = new StubBlock(LAYOUT, LinuxMachine.INSTANCE.xcr0());
    var program = new StubProgram(LAYOUT, block, 0);
    try (var files = new StubFiles(LAYOUT)) {
      var script = StartScript.of(new StartScript.Inputs(LAYOUT, program, block, 1, 0, files));
      Kernel.fill(files.program, ElfFile.of(
          LAYOUT.stub(), program.entry(), program.text(), block.text(), LAYOUT.stub() + StubLayout.SCRIPT,
          script.toBytes()));
      var process = new StubProcess(ChildProcess.start("enclavisor-test", files.program, files.program));
      assertThat(process.death()).isNull();
      process.ended();
      assertThat(process.death()).isEqualTo("the enclave process ended with status 1");
      assertThat(script.explain(process)).contains("getppid").contains("failed");
      process.kill("too late"); // and nothing happens
      process.awaitEnd();
    }
  }

  @Test
  void asManyBlocksAsThereCanBeFit() {
    var layout = StubLayout.of(new AddressSpaceLayout(0, 1 << 20, 4096, StubLayout.MAX_PROCESSORS), 2696);
    var block = new StubBlock(layout, 7);
    try (var files = new StubFiles(layout)) {
      var program = new StubProgram(layout, block, files.stub);
      var script = StartScript.of(new StartScript.Inputs(layout, program, block, 1, 0, files));
      assertThat(script.toBytes()).hasSize(StubLayout.SCRIPT_BYTES);
    }
  }

  @Test
  void aFileThatIsNoProgramIsNotStarted() {
    int fd = Kernel.memfdProgram("enclavisor-test", new byte[] {1, 2, 3});
    try {
      assertThatThrownBy(() -> ChildProcess.start("enclavisor-test", fd, fd))
          .isInstanceOf(SyscallException.class)
          .hasMessageContaining("execveat");
    } finally {
      Kernel.close(fd);
    }
  }
}
