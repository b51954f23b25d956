package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EremoveTest {
  private static final class Scene extends LeafScene {
    final SecsPage page = initialised(MiscSelect.NONE);

    Scene() {
      rcx = frame(TestEnclaves.DATA_OFFSET);
    }

    long frame(long offset) {
      return Epc.address(page.elrange().firstFrame()) + offset;
    }

    TcsPage tcs() {
      TcsPage tcs = page.threads().get(TestEnclaves.TCS_OFFSET / 4096);
      assertThat(tcs).isNotNull();
      return tcs;
    }

    Outcome execute() {
      return Eremove.execute(epc, rcx);
    }
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    return new Checks<>(Scene::new, Scene::execute)
        .gp("rcx", "alignment", s -> s.rcx += 256, "EPC page at")
        .pf("rcx", "not EPC", s -> s.rcx = 1L << 40, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
        .error("rcx", "children", s -> s.rcx = s.page.address(), SgxError.SGX_CHILD_PRESENT, "pages")
        .error("active", "a thread inside", s -> s.tcs().lock(), SgxError.SGX_ENCLAVE_ACT, "inside")
        .tests();
  }

  @Test
  void unusedPagesAreNoError() {
    Scene s = new Scene();
    s.rcx = s.frame(TestEnclaves.SIZE - 4096);
    s.tcs().lock();
    assertThat(s.execute().ok()).isTrue();
    s.rcx = s.epc.reserve().address();
    assertThat(s.execute().ok()).isTrue();
  }

  @Test
  void contentIsGone() {
    Scene s = new Scene();
    MemorySegment page = s.page.memory().segment().asSlice(TestEnclaves.DATA_OFFSET, 4096);
    page.fill((byte) 1);
    long before = s.page.pages().validCount();
    assertThat(s.execute().ok()).isTrue();
    assertThat(page.mismatch(MemorySegment.ofArray(new byte[4096]))).isEqualTo(-1);
    assertThat(s.page.pages().validCount()).isEqualTo(before - 1);
    assertThat(s.page.bits(LeafScene.BASE + TestEnclaves.DATA_OFFSET)).isZero();
  }

  @Test
  void threadsGoAndTheSecsLast() {
    Scene s = new Scene();
    s.rcx = s.frame(TestEnclaves.TCS_OFFSET);
    assertThat(s.execute().ok()).isTrue();
    assertThat(s.page.threads().all()).isEmpty();
    assertThat(Eremove.all(s.page).ok()).isTrue();
    s.rcx = s.page.address();
    assertThat(s.execute().ok()).isTrue();
    assertThat(s.page.epcFrame().secs()).isNull();
  }

  @Test
  void removingAllIsRefusedWhileSomebodyIsInside() {
    Scene s = new Scene();
    s.tcs().lock();
    s.tcs().activate();
    assertThat(Checks.describe(Eremove.all(s.page))).isEqualTo("SGX_ENCLAVE_ACT");
    s.tcs().leave();
    assertThat(Eremove.all(s.page).ok()).isTrue();
    assertThat(s.page.pages().validCount()).isZero();
  }
}
