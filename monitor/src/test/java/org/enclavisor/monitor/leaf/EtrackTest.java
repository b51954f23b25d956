package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.TcsPage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** ETRACK and ETRACKC. */
class EtrackTest {
  private static final class Scene extends PagingScene {
    Scene() {
      rcx = page.address();
    }

    Outcome track() {
      return Etrack.execute(epc, rcx);
    }

    Outcome trackc() {
      return Etrack.executeConcurrent(epc, rcx);
    }

    /** A thread is inside since before the last ETRACK. */
    void incomplete() {
      enter();
      page.tracking().advance();
    }
  }

  private static Checks<Scene> common(Checks<Scene> checks) {
    return checks
        .gp("rcx", "alignment", s -> s.rcx += 8, "EPC page at")
        .gp("rcx", "not canonical", s -> s.rcx = 1L << 47, "not canonical")
        .pf("rcx", "not EPC", s -> s.rcx = 1L << 40, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC");
  }

  @TestFactory
  Stream<DynamicTest> checksOfEtrack() {
    return common(new Checks<>(Scene::new, Scene::track))
        .gp("rcx,lock", "conflict", s -> s.busy(s.rcx), "another leaf works")
        .gp("rcx,tracking", "tracking", s -> s.page.tracking().lock().tryTake(), "another leaf tracks")
        .pf(
            "rcx", "an empty page", s -> s.rcx = s.epc.reserve().address(), LeafScene.EPC_PF, s -> s.rcx, "not valid")
        .pf(
            "rcx", "an empty page of the ELRANGE", s -> s.rcx = s.frame(TestEnclaves.SIZE - 4096), LeafScene.EPC_PF,
            s -> s.rcx, "not valid")
        .pf(
            "rcx", "a page of the enclave", s -> s.rcx = s.frame(TestEnclaves.DATA_OFFSET), LeafScene.EPC_PF,
            s -> s.rcx, "PT_REG")
        .pf("rcx", "a version array", s -> s.rcx = s.array.address(), LeafScene.EPC_PF, s -> s.rcx, "PT_VA")
        .error("rcx", "incomplete", Scene::incomplete, SgxError.SGX_PREV_TRK_INCMPL, "inside since")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> checksOfEtrackc() {
    return common(new Checks<>(Scene::new, Scene::trackc))
        .error("rcx,lock", "conflict", s -> s.busy(s.rcx), SgxError.SGX_EPC_PAGE_CONFLICT, "another leaf works")
        .error("rcx", "an empty page", s -> s.rcx = s.epc.reserve().address(), SgxError.SGX_PG_INVLD, "not valid")
        .carry(
            "rcx", "a version array", s -> s.rcx = s.array.address(), SgxError.SGX_TRACK_NOT_REQUIRED, "PT_VA")
        .error(
            "tracking", "tracking", s -> s.page.tracking().lock().tryTake(), SgxError.SGX_EPC_PAGE_CONFLICT,
            "another leaf tracks")
        .error("", "incomplete", Scene::incomplete, SgxError.SGX_PREV_TRK_INCMPL, "inside since")
        .tests();
  }

  @Test
  void anEpochBegins() {
    Scene s = new Scene();
    assertThat(s.track().ok()).isTrue();
    assertThat(s.page.tracking().epoch()).isEqualTo(2);
    assertThat(s.translations.calls).containsExactly("flush");
    for (long offset : new long[] {TestEnclaves.DATA_OFFSET, TestEnclaves.TCS_OFFSET}) {
      s.rcx = s.frame(offset);
      assertThat(s.trackc().ok()).isTrue();
    }
    assertThat(s.page.tracking().epoch()).isEqualTo(4);
    assertThat(s.page.tracking().lock().tryTake()).as("lock given back").isTrue();
  }

  @Test
  void incompleteUntilWhoWasInsideHasLeft() {
    Scene s = new Scene();
    TcsPage tcs = s.enter();
    assertThat(s.track().ok()).as("the first ETRACK tracks from now on").isTrue();
    assertThat(Checks.describe(s.track())).isEqualTo("SGX_PREV_TRK_INCMPL");
    assertThat(s.page.tracking().epoch()).isEqualTo(2);
    tcs.leave();
    assertThat(s.track().ok()).isTrue();
    assertThat(s.page.tracking().epoch()).isEqualTo(3);
  }

  @Test
  void whoEnteredAfterwardsIsNoHindrance() {
    Scene s = new Scene();
    assertThat(s.track().ok()).isTrue();
    s.enter();
    assertThat(s.track().ok()).isTrue();
    assertThat(Checks.describe(s.track())).isEqualTo("SGX_PREV_TRK_INCMPL");
  }
}
