package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.enclavisor.isa.Permissions;
import org.enclavisor.testkit.Seeded;
import org.junit.jupiter.api.Test;

class PermissionRunsTest {

  @Test
  void agreesWithAnArray() {
    var seeded = Seeded.named("agreesWithAnArray");
    var runs = new PermissionRuns();
    var pages = new Permissions[64];
    Arrays.fill(pages, Permissions.NONE);
    for (int i = 0; i < 2000; i++) {
      int from = seeded.below(64);
      int to = from + 1 + seeded.below(64 - from);
      var wanted = seeded.oneOf(List.of(Permissions.NONE, Permissions.R, Permissions.RW, Permissions.RX));
      Arrays.fill(pages, from, to, wanted);
      runs.set(4096L * from, 4096L * (to - from), wanted);
      int changes = 1;
      for (int page = 0; page < 64; page++) {
        assertThat(runs.at(4096L * page)).isEqualTo(pages[page]);
        assertThat(runs.at(4096L * page + 4095)).isEqualTo(pages[page]);
        changes += page > 0 && !pages[page].equals(pages[page - 1]) ? 1 : 0;
      }
      assertThat(runs.count()).as("neighbours of one kind are one run").isBetween(changes, changes + 1);
    }
  }
}
