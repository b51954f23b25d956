package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;

class LeaksTest {
  private static final long SHORT = 50;

  @Test
  void aProcessThatLivesOnIsALeak() throws IOException, InterruptedException {
    var before = Leaks.now();
    Process child = new ProcessBuilder("sleep", "60")
        .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
    assertThatThrownBy(() -> before.assertNoneSince(SHORT))
        .isInstanceOf(AssertionError.class).hasMessageContaining("processes").hasMessageContaining("" + child.pid());
    child.destroyForcibly().waitFor();
    before.assertNoneSince();
  }

  @Test
  void aDeletedFileThatStaysOpenIsALeak() throws IOException {
    var before = Leaks.now();
    Path file = Files.createTempFile("enclavisor-leak", ".tmp");
    try (var open = FileChannel.open(file, StandardOpenOption.READ)) {
      Files.delete(file);
      assertThatThrownBy(() -> before.assertNoneSince(SHORT))
          .isInstanceOf(AssertionError.class).hasMessageContaining("descriptors").hasMessageContaining("leak");
      open.position(0);
    }
    before.assertNoneSince();
  }
}
