package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LinuxCapabilitiesTest {

  @Test
  void aMachineThatRunsTheseTestsLacksNothing() {
    var here = LinuxCapabilities.probe();
    assertThat(here.lacksForStub()).isEmpty();
    assertThat(here.lacksForPtrace()).isEmpty();
    assertThat(here.kernel()).isNotBlank();
    assertThat(here.processors()).isPositive();
    assertThat(here.mapCount()).isPresent();
  }

  @Test
  void whatIsMissingIsNamedWithItsRemedy() {
    var old = new LinuxCapabilities(
        "5.4", "old", 1, 7, false, false, false, false, OptionalInt.of(3), OptionalInt.empty(), OptionalInt.empty());
    assertThat(old.lacksForStub()).hasSize(5).allSatisfy(lack -> {
      assertThat(lack.what()).isNotBlank();
      assertThat(lack.remedy()).isNotBlank();
    });
    assertThat(old.lacksForPtrace()).hasSize(2);
  }

  @Test
  void numbersOfTheKernelAreReadWhole() throws IOException, InterruptedException {
    Process cat = new ProcessBuilder("cat", "/proc/sys/vm/max_map_count").start();
    String expected = new String(cat.getInputStream().readAllBytes()).strip();
    assertThat(cat.waitFor(10, TimeUnit.SECONDS)).isTrue();
    assertThat(LinuxCapabilities.probe().mapCount()).hasValue(Integer.parseInt(expected));
  }
}
