package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** EINCVIRTCHILD, EDECVIRTCHILD and ESETCONTEXT. */
class EnclvLeavesTest {
  private static final class Scene extends PagingScene {
    final MemorySegment context = MemorySegment.ofArray(new long[] {0x1122_3344_5566_7788L});

    Scene() {
      rbx = frame(TestEnclaves.DATA_OFFSET);
      rcx = page.address();
      rdx = 0x9000;
      page.virtualChildren().set(5);
    }

    Outcome increment() {
      return Evirtchild.increment(epc, rbx, rcx);
    }

    Outcome decrement() {
      return Evirtchild.decrement(epc, rbx, rcx);
    }

    Outcome set() {
      return Esetcontext.execute(epc, new Operands().map(0x9000, context), rcx, rdx);
    }
  }

  private static Checks<Scene> counting(Checks<Scene> checks) {
    return checks
        .gp("rbx", "alignment", s -> s.rbx += 8, "EPC page at")
        .gp("rbx", "not canonical", s -> s.rbx = 1L << 47, "not canonical")
        .pf("rbx", "not EPC", s -> s.rbx = 1L << 40, LeafScene.EPC_PF, s -> s.rbx, "not in the EPC")
        .pf("rcx", "SECS not EPC", s -> s.rcx = 1L << 41, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
        .error("rbx", "conflict", s -> s.busy(s.rbx), SgxError.SGX_EPC_PAGE_CONFLICT, "another leaf")
        .pf(
            "rbx", "an empty page", s -> s.rbx = s.frame(TestEnclaves.SIZE - 4096), LeafScene.EPC_PF, s -> s.rbx,
            "not valid")
        .pf("rbx", "a version array", s -> s.rbx = s.array.address(), LeafScene.EPC_PF, s -> s.rbx, "PT_VA")
        .gp("rcx", "SECS a page", s -> s.rcx = s.frame(0), "is not the SECS of")
        .gp("rcx", "SECS off its begin", s -> s.rcx += 8, "is not the SECS of")
        .gp(
            "rcx,counter", "SECS of another enclave", s -> s.rcx = s.create(LeafScene.secs(MiscSelect.NONE)).address(),
            "is not the SECS of");
  }

  @TestFactory
  Stream<DynamicTest> checksOfEincvirtchild() {
    return counting(new Checks<>(Scene::new, Scene::increment)).tests();
  }

  @TestFactory
  Stream<DynamicTest> checksOfEdecvirtchild() {
    return counting(new Checks<>(Scene::new, Scene::decrement))
        .error(
            "counter", "underflow", s -> s.page.virtualChildren().set(0), SgxError.SGX_INVALID_COUNTER,
            "VIRTCHILDCNT is 0")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> checksOfEsetcontext() {
    return new Checks<>(Scene::new, Scene::set)
        .gp("rcx", "alignment", s -> s.rcx += 8, "EPC page at")
        .pf("rcx", "not EPC", s -> s.rcx = 1L << 40, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
        .gp("rdx", "context alignment", s -> s.rdx += 4, "context at")
        .pf("rdx", "context mapped", s -> s.rdx += 8, 0, s -> s.rdx, "the context")
        .error("rcx", "conflict", s -> s.busy(s.rcx), SgxError.SGX_EPC_PAGE_CONFLICT, "another leaf")
        .pf("rcx", "an empty page", s -> s.rcx = s.epc.reserve().address(), LeafScene.EPC_PF, s -> s.rcx, "not valid")
        .pf("rcx", "a version array", s -> s.rcx = s.array.address(), LeafScene.EPC_PF, s -> s.rcx, "PT_VA")
        .pf("rcx", "a page", s -> s.rcx = s.frame(0), LeafScene.EPC_PF, s -> s.rcx, "PT_REG")
        .tests();
  }

  @Test
  void counts() {
    Scene s = new Scene();
    assertThat(s.increment().ok()).isTrue();
    s.rbx = s.frame(TestEnclaves.TCS_OFFSET);
    assertThat(s.increment().ok()).isTrue();
    s.rbx = s.rcx;
    assertThat(s.increment().ok()).isTrue();
    assertThat(s.page.virtualChildren()).hasValue(8);
    assertThat(s.decrement().ok()).isTrue();
    assertThat(s.page.virtualChildren()).hasValue(7);
    s.page.virtualChildren().set(0);
    assertThat(s.decrement().ok()).isFalse();
    assertThat(s.page.virtualChildren()).hasValue(0);
  }

  @Test
  void setsTheContext() {
    Scene s = new Scene();
    assertThat(s.page.context()).hasValue(s.page.address());
    assertThat(s.set().ok()).isTrue();
    assertThat(s.page.context()).hasValue(0x1122_3344_5566_7788L);
  }
}
