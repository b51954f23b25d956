package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.leaf.Operands;
import org.junit.jupiter.api.Test;

/** Which leaf a number is, and which there are. */
class EnclsDispatchTest {
  private static Outcome encls(Set<SgxFeature> features, int leaf) {
    try (Monitor monitor = new Monitor(new ScriptedPlatform(), MonitorConfig.defaults().withFeatures(features))) {
      return monitor.encls(4096, 1).execute(leaf, EnclsRegisters.of(1, 1, 1), new Operands());
    }
  }

  private static Outcome enclv(Set<SgxFeature> features, int leaf) {
    try (Monitor monitor = new Monitor(new ScriptedPlatform(), MonitorConfig.defaults().withFeatures(features))) {
      return monitor.enclv().execute(leaf, EnclsRegisters.of(1, 1, 1), new Operands());
    }
  }

  @Test
  void everyLeafIsThere() {
    for (EnclsLeaf leaf : EnclsLeaf.values()) {
      assertThat(encls(EnumSet.allOf(SgxFeature.class), leaf.code()).reason()).as(leaf.name()).doesNotContain("not there");
    }
    for (int leaf = 0; leaf < 3; leaf++) {
      assertThat(enclv(EnumSet.allOf(SgxFeature.class), leaf).reason()).contains("not aligned");
    }
  }

  @Test
  void numbersThatAreNoLeaf() {
    for (int leaf : new int[] {0x14, 0x15, 0x16, 0x17, 0x19, -1, 0x100}) {
      assertThat(encls(EnumSet.allOf(SgxFeature.class), leaf)).matches(EnclsDispatchTest::notThere);
    }
    assertThat(enclv(EnumSet.allOf(SgxFeature.class), 3)).matches(EnclsDispatchTest::notThere);
  }

  @Test
  void aProcessorWithout() {
    Set<SgxFeature> none = EnumSet.noneOf(SgxFeature.class);
    List<EnclsLeaf> absent =
        List.of(
            EnclsLeaf.EAUG, EnclsLeaf.EMODPR, EnclsLeaf.EMODT, EnclsLeaf.ERDINFO, EnclsLeaf.ETRACKC, EnclsLeaf.ELDBC,
            EnclsLeaf.ELDUC, EnclsLeaf.EUPDATESVN);
    for (EnclsLeaf leaf : EnclsLeaf.values()) {
      assertThat(notThere(encls(none, leaf.code()))).as(leaf.name()).isEqualTo(absent.contains(leaf));
    }
    assertThat(enclv(none, 0)).isInstanceOfSatisfying(Outcome.Fault.class, f -> assertThat(f.vector()).isEqualTo(Vector.UD));
  }

  private static boolean notThere(Outcome outcome) {
    return outcome instanceof Outcome.Fault(Vector vector, int _, long _, String reason)
        && vector == Vector.GP
        && reason.contains("not there");
  }
}
