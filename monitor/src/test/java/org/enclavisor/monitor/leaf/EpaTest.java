package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.VersionArray;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EpaTest {
  private static final class Scene extends PagingScene {
    Scene() {
      rbx = PageType.VA.code();
      rcx = epc.reserve().address();
    }

    Outcome execute() {
      return Epa.execute(epc, rbx, rcx);
    }
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    return new Checks<>(Scene::new, Scene::execute)
        .gp("rbx", "RBX", s -> s.rbx = PageType.REG.code(), "expected PT_VA")
        .gp("rbx", "RBX, upper half", s -> s.rbx |= 1L << 32, "expected PT_VA")
        .gp("rcx", "alignment", s -> s.rcx += 8, "EPC page at")
        .gp("rcx", "not canonical", s -> s.rcx = 1L << 47, "not canonical")
        .pf("rcx", "not EPC", s -> s.rcx = 1L << 40, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
        .gp("rcx,lock", "conflict", s -> s.busy(s.rcx), "another leaf")
        .gp("rcx,lock", "conflict with a reader", s -> s.shared(s.rcx), "another leaf")
        .pf("rcx", "a SECS", s -> s.rcx = s.page.address(), LeafScene.EPC_PF, s -> s.rcx, "valid already")
        .pf("rcx", "a version array", s -> s.rcx = s.array.address(), LeafScene.EPC_PF, s -> s.rcx, "valid already")
        .pf(
            "rcx", "a page", s -> s.rcx = s.frame(TestEnclaves.DATA_OFFSET), LeafScene.EPC_PF, s -> s.rcx,
            "valid already")
        .gp("rcx", "a frame of an ELRANGE", s -> s.rcx = s.frame(TestEnclaves.SIZE - 4096), "not available")
        .tests();
  }

  @Test
  void anEmptyVersionArray() {
    Scene s = new Scene();
    assertThat(s.execute().ok()).isTrue();
    EpcPage made = s.epc.resolve(s.rcx);
    assertThat(made).isInstanceOf(LooseFrame.class);
    assertThat(made.bits()).isEqualTo(LeafScene.entry(PageType.VA, Permissions.NONE).bits());
    assertThat(EpcmEntry.blocked(made.bits())).isFalse();
    VersionArray versions = ((LooseFrame) made).versions();
    assertThat(versions).isNotNull();
    for (int slot = 0; slot < VersionArray.SLOTS; slot++) {
      assertThat(versions.get(slot)).isZero();
    }
    assertThat(made.tryExclusive()).as("lock given back").isTrue();
  }
}
