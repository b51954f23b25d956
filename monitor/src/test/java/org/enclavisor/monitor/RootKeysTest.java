package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.ConfigId;
import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.Key128;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Targetinfo;
import org.junit.jupiter.api.Test;

class RootKeysTest {
  private static final Digest32 ONE = Digest32.ofHex("01".repeat(32));
  private static final KeyId ID = KeyId.ofHex("02".repeat(32));
  private static final Attributes A = new Attributes(5, 7);

  private static Targetinfo target(Digest32 measurement, Attributes attributes, int svn, int misc, String config) {
    return new Targetinfo(measurement, attributes, 0, svn, new MiscSelect(misc), ConfigId.ofHex(config.repeat(64)));
  }

  @Test
  void everyDependencyCounts() {
    RootKeys keys = new RootKeys(new Random(1), Id16.ZERO);
    List<Key128> all = new ArrayList<>();
    all.add(keys.reportKey(target(ONE, A, 0, 0, "00"), ID, CpuSvn.ZERO));
    all.add(keys.reportKey(target(Digest32.ZERO, A, 0, 0, "00"), ID, CpuSvn.ZERO));
    all.add(keys.reportKey(target(ONE, A.with(2), 0, 0, "00"), ID, CpuSvn.ZERO));
    all.add(keys.reportKey(target(ONE, new Attributes(5, 3), 0, 0, "00"), ID, CpuSvn.ZERO));
    all.add(keys.reportKey(target(ONE, A, 1, 0, "00"), ID, CpuSvn.ZERO));
    all.add(keys.reportKey(target(ONE, A, 0, 1, "00"), ID, CpuSvn.ZERO));
    all.add(keys.reportKey(target(ONE, A, 0, 0, "11"), ID, CpuSvn.ZERO));
    all.add(keys.reportKey(target(ONE, A, 0, 0, "00"), KeyId.ZERO, CpuSvn.ZERO));
    all.add(keys.reportKey(target(ONE, A, 0, 0, "00"), ID, CpuSvn.ofHex("01".repeat(16))));
    all.add(new RootKeys(new Random(2), Id16.ZERO).reportKey(target(ONE, A, 0, 0, "00"), ID, CpuSvn.ZERO));
    all.add(new RootKeys(new Random(1), Id16.ofHex("03".repeat(16))).reportKey(
        target(ONE, A, 0, 0, "00"), ID, CpuSvn.ZERO));
    all.add(keys.launchKey(Einittoken.ABSENT, ONE));
    all.add(keys.launchKey(Einittoken.ABSENT, Digest32.ZERO));
    for (int i = 0; i < all.size(); i++) {
      for (int j = 0; j < i; j++) {
        assertThat(all.get(i).equals(all.get(j))).as("%d and %d", i, j).isFalse();
      }
    }
    Key128 again = keys.reportKey(target(ONE, A, 0, 0, "00"), ID, CpuSvn.ZERO);
    assertThat(again.equals(all.getFirst())).isTrue();
  }
}
