package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.OptionalInt;
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
}
