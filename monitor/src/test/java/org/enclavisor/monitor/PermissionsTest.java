package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secs;
import org.enclavisor.monitor.ScriptedPlatform.Protect;
import org.junit.jupiter.api.Test;

class PermissionsTest {
  private final ScriptedPlatform platform = new ScriptedPlatform();
  private final Monitor monitor = new Monitor(platform, MonitorConfig.defaults());

  private CreateOutcome.Created created() {
    CreateOutcome.Created created = (CreateOutcome.Created) monitor.create(TestEnclaves.secs(), 0, 1);
    TestEnclaves.addAll(monitor, created.id());
    return created;
  }

  private void init(CreateOutcome.Created created) {
    Secs secs = TestEnclaves.secs();
    TestEnclaves.require(
        monitor.init(
            created.id(), TestEnclaves.sign(TestEnclaves.measure(secs).mrEnclave(), secs), Optional.empty()));
  }

  @Test
  void pageTablesFollowTheEpcmInRuns() {
    CreateOutcome.Created created = created();
    assertThat(platform.last().protects).as("before EINIT").isEmpty();
    init(created);
    assertThat(platform.last().protects)
        .containsExactly(new Protect(0, 0x1000, Permissions.RX), new Protect(0x4000, 0x8000, Permissions.RW));
  }

  @Test
  void hostMappingsNarrow() {
    CreateOutcome.Created created = created();
    TestEnclaves.require(monitor.protect(created.id(), 0, TestEnclaves.SIZE, Permissions.NONE));
    TestEnclaves.require(monitor.protect(created.id(), 0, 0x3000, Permissions.RWX));
    TestEnclaves.require(monitor.protect(created.id(), 0x5000, 0x2000, Permissions.R));
    init(created);
    assertThat(platform.last().protects)
        .containsExactly(new Protect(0, 0x1000, Permissions.RX), new Protect(0x5000, 0x2000, Permissions.R));
    platform.last().protects.clear();
    TestEnclaves.require(monitor.protect(created.id(), 0x5000, 0x6000, Permissions.RWX));
    assertThat(platform.last().protects).containsExactly(new Protect(0x5000, 0x6000, Permissions.RW));
    platform.last().protects.clear();
    TestEnclaves.require(monitor.protect(created.id(), 0, 0x5000, Permissions.RWX));
    assertThat(platform.last().protects)
        .as("TCS pages stay closed")
        .containsExactly(
            new Protect(0, 0x1000, Permissions.RX),
            new Protect(0x1000, 0x3000, Permissions.NONE),
            new Protect(0x4000, 0x1000, Permissions.RW));
  }

  @Test
  void onlyWholePagesInside() {
    CreateOutcome.Created created = created();
    for (long[] range :
        new long[][] {
          {0, 0}, {0, -4096}, {8, 4096}, {0, 100}, {-4096, 8192}, {0, TestEnclaves.SIZE + 4096},
          {TestEnclaves.SIZE, 4096}, {Long.MAX_VALUE - 4095, 4096}
        }) {
      assertThat(monitor.protect(created.id(), range[0], range[1], Permissions.RW).ok())
          .as(Arrays.toString(range))
          .isFalse();
    }
  }

  @Test
  void hostMappingsAgainstAnArray() {
    Random random = new Random(3);
    HostMappings mappings = new HostMappings();
    Permissions[] model = new Permissions[200];
    Arrays.fill(model, Permissions.RWX);
    for (int round = 0; round < 2000; round++) {
      int from = random.nextInt(200);
      int to = from + 1 + random.nextInt(200 - from);
      Permissions permissions = Permissions.of(random.nextInt(3));
      mappings.set(from, to - from, permissions);
      Arrays.fill(model, from, to, permissions);
      int runs = 1;
      for (int i = 0; i < 200; i++) {
        assertThat(mappings.get(i)).isEqualTo(model[i]);
        runs += i > 0 && !model[i].equals(model[i - 1]) ? 1 : 0;
      }
      runs += model[199].equals(Permissions.RWX) ? 0 : 1;
      assertThat(mappings.size()).as("runs are merged").isEqualTo(runs);
    }
  }
}
