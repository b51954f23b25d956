package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.SecsPage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EextendTest {
  /** EEXTEND of the third chunk of page 1. */
  private static final class Scene extends LeafScene {
    final SecsPage page = create(secs(MiscSelect.NONE));

    Scene() {
      regular(page, 0x1000, Permissions.RX);
      page.memory().segment().asSlice(0x1000, 4096).copyFrom(MemorySegment.ofArray(TestEnclaves.code()));
      rbx = page.address();
      rcx = frame(0x1200);
    }

    long frame(long offset) {
      return Epc.address(page.elrange().firstFrame()) + offset;
    }

    Outcome execute() {
      return Eextend.execute(epc, rbx, rcx);
    }
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    return new Checks<>(Scene::new, Scene::execute)
        .gp("rbx", "SECS alignment", s -> s.rbx += 256, "SECS at")
        .pf("rbx", "SECS not EPC", s -> s.rbx = 1L << 40, LeafScene.EPC_PF, s -> s.rbx, "not in the EPC")
        .gp("rcx", "chunk alignment", s -> s.rcx += 64, "chunk at")
        .pf("rcx", "chunk not EPC", s -> s.rcx = 1L << 41, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
        .pf(
            "rcx",
            "chunk in a SECS",
            s -> s.rcx = s.page.address(),
            LeafScene.EPC_PF,
            s -> s.rcx,
            "not PT_REG or PT_TCS")
        .pf("rcx", "chunk not valid", s -> s.rcx = s.frame(0x2000), LeafScene.EPC_PF, s -> s.rcx, "is not valid")
        .pf(
            "epcm",
            "chunk of another type",
            s -> LeafScene.epcm(s.page, 0x1000, LeafScene.entry(PageType.TRIM, Permissions.R)),
            LeafScene.EPC_PF,
            s -> s.rcx,
            "not PT_REG or PT_TCS")
        .gp(
            "rbx",
            "SECS of another enclave",
            s -> s.rbx = s.create(LeafScene.secs(MiscSelect.NONE)).address(),
            "is not that of the chunk")
        .gp(
            "state",
            "initialised",
            s -> s.page.initialise(s.page.secs(), s.page.isvFamilyId(), s.page.isvExtProdId()),
            "initialised already")
        .tests();
  }

  @Test
  void measuresWhatIsThere() {
    Scene s = new Scene();
    assertThat(s.execute().ok()).isTrue();
    Measurement expected = Measurement.ecreate(1, TestEnclaves.SIZE);
    expected.eextend(0x1200, MemorySegment.ofArray(TestEnclaves.code()).asSlice(0x200, 256));
    assertThat(s.page.measurement().mrEnclave()).isEqualTo(expected.mrEnclave());
  }

  @Test
  void measuresThreadsAsTheMonitorKeepsThem() {
    Scene s = new Scene();
    byte[] tcs = TestEnclaves.tcs(TestEnclaves.SSA_OFFSET).toBytes();
    LeafScene.thread(s.page, 0x2000, tcs);
    s.rcx = s.frame(0x2000);
    assertThat(s.execute().ok()).isTrue();
    Measurement expected = Measurement.ecreate(1, TestEnclaves.SIZE);
    expected.eextend(0x2000, MemorySegment.ofArray(tcs).asSlice(0, 256));
    assertThat(s.page.measurement().mrEnclave()).isEqualTo(expected.mrEnclave());
  }
}
