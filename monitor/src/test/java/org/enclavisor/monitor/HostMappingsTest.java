package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import org.enclavisor.isa.Permissions;
import org.junit.jupiter.api.Test;

class HostMappingsTest {
  private final HostMappings mappings = new HostMappings();

  @Test
  void thereIsAnEndToMappings() {
    int taken = 0;
    while (taken <= HostMappings.MAX_RUNS && mappings.set(2L * taken, 1, Permissions.R)) {
      taken++;
    }
    assertThat(taken).isBetween(HostMappings.MAX_RUNS / 2 - 1, HostMappings.MAX_RUNS / 2);
    assertThat(mappings.size()).isLessThanOrEqualTo(HostMappings.MAX_RUNS);
    assertThat(mappings.get(2L * taken)).as("the one that was too many").isEqualTo(Permissions.RWX);
    assertThat(mappings.get(2L * taken - 2)).isEqualTo(Permissions.R);
    assertThat(mappings.set(0, 2L * taken, Permissions.RW)).as("what makes fewer of them").isTrue();
    assertThat(mappings.size()).isEqualTo(2);
    assertThat(mappings.set(8, 1, Permissions.R)).isTrue();
  }
}
