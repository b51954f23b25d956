package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Tcs;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EaddTest {
  private static final long OFFSET = 0x3000;

  /** EADD of a page to a fresh enclave. */
  private static final class Scene extends LeafScene {
    final SecsPage page = create(secs(MiscSelect.NONE));

    Scene(Secinfo what, byte[] content) {
      rcx = Epc.address(page.elrange().firstFrame()) + OFFSET;
      linAddr = BASE + OFFSET;
      pageinfoSecs = page.address();
      what.write(secinfo);
      fill(source, content);
    }

    static Scene regular() {
      return new Scene(Secinfo.reg(Permissions.RW), TestEnclaves.code());
    }

    static Scene tcs() {
      return new Scene(Secinfo.tcs(), TestEnclaves.tcs(TestEnclaves.SSA_OFFSET).toBytes());
    }

    Outcome execute() {
      return Eadd.execute(epc, map(), rbx, rcx);
    }

    void initialise() {
      page.initialise(
          page.secs().initialized(Digest32.ZERO, Digest32.ZERO, 0, 0), page.isvFamilyId(), page.isvExtProdId());
    }
  }

  private static Checks<Scene> common(Supplier<Scene> scene) {
    return new Checks<>(scene, Scene::execute)
        .gp("rbx", "PAGEINFO alignment", s -> s.rbx += 8, "PAGEINFO at")
        .gp("rcx", "EPC page alignment", s -> s.rcx += 256, "EPC page at")
        .pf("rcx", "not EPC", s -> s.rcx = 1L << 40, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
        .pf("pageinfo", "PAGEINFO mapped", s -> s.pageinfoMapped = false, 0, s -> s.rbx, "PAGEINFO")
        .gp("srcpge", "SRCPGE alignment", s -> s.srcPge += 8, "SRCPGE")
        .gp("secs", "SECS alignment", s -> s.pageinfoSecs += 8, "PAGEINFO.SECS")
        .gp("secinfo address", "SECINFO alignment", s -> s.secinfoAt += 8, "PAGEINFO.SECINFO")
        .gp("linaddr", "LINADDR alignment", s -> s.linAddr += 8, "PAGEINFO.LINADDR")
        .pf(
            "secs",
            "SECS not EPC",
            s -> s.pageinfoSecs = 1L << 40,
            LeafScene.EPC_PF,
            s -> s.pageinfoSecs,
            "PAGEINFO.SECS")
        .pf("secinfo map", "SECINFO mapped", s -> s.secinfoMapped = false, 0, s -> s.secinfoAt, "SECINFO")
        .gp("secinfo", "SECINFO reserved bytes", s -> LeafScene.u8(s.secinfo, 63, 1), "reserved bits")
        .gp("secinfo", "SECINFO reserved flags", s -> LeafScene.u8(s.secinfo, 2, 1), "reserved bits")
        .gp("secinfo", "SECINFO type SECS", s -> LeafScene.u8(s.secinfo, 1, 0), "expected PT_REG or PT_TCS")
        .gp("secinfo", "SECINFO type VA", s -> LeafScene.u8(s.secinfo, 1, 3), "expected PT_REG or PT_TCS")
        .gp("secinfo", "SECINFO PENDING", s -> LeafScene.u8(s.secinfo, 0, 8), "PENDING")
        .gp("secinfo", "SECINFO MODIFIED", s -> LeafScene.u8(s.secinfo, 0, 16), "MODIFIED")
        .gp("rcx", "an empty SECS frame", s -> s.rcx = s.epc.reserve().address(), "not available")
        .pf("rcx", "a SECS", s -> s.rcx = s.page.address(), LeafScene.EPC_PF, s -> s.rcx, "valid already")
        .pf(
            "epcm",
            "a page in use",
            s -> LeafScene.regular(s.page, OFFSET, Permissions.R),
            LeafScene.EPC_PF,
            s -> s.rcx,
            "valid already")
        .pf(
            "secs",
            "SECS not a SECS",
            s -> s.pageinfoSecs = Epc.address(s.page.elrange().firstFrame()),
            LeafScene.EPC_PF,
            s -> s.pageinfoSecs,
            "is not a SECS")
        .pf(
            "secs",
            "SECS empty",
            s -> s.pageinfoSecs = s.epc.reserve().address(),
            LeafScene.EPC_PF,
            s -> s.pageinfoSecs,
            "is not a SECS")
        .pf("source map", "source mapped", s -> s.sourceMapped = false, 0, s -> s.srcPge, "source page");
  }

  private static Checks<Scene> rest(Checks<Scene> checks) {
    return checks
        .gp("linaddr", "LINADDR below", s -> s.linAddr = LeafScene.BASE - 4096, "not in the ELRANGE")
        .gp("linaddr", "LINADDR above", s -> s.linAddr = LeafScene.BASE + TestEnclaves.SIZE, "not in the ELRANGE")
        .gp("linaddr", "LINADDR of another frame", s -> s.linAddr += 4096, "not available at")
        .gp(
            "secs,rcx,linaddr,epcm",
            "SECS of another enclave",
            s -> s.pageinfoSecs = s.create(LeafScene.secs(MiscSelect.NONE)).address(),
            "not available at")
        .gp("state", "initialised", Scene::initialise, "initialised already");
  }

  @TestFactory
  Stream<DynamicTest> checksOfRegularPages() {
    return rest(common(Scene::regular).gp("secinfo", "W without R", s -> LeafScene.u8(s.secinfo, 0, 2), "W without R"))
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> checksOfThreads() {
    return rest(
            common(Scene::tcs)
                .gp("content", "TCS reserved first byte", s -> LeafScene.u8(s.source, 72, 1), "TCS has reserved")
                .gp("content", "TCS reserved last byte", s -> LeafScene.u8(s.source, 4095, 1), "TCS has reserved"))
        .tests();
  }

  @Test
  void regularPage() {
    Scene s = Scene.regular();
    assertThat(s.execute().ok()).isTrue();
    EpcmEntry entry = s.page.pages().entry(3, LeafScene.BASE);
    assertThat(entry)
        .isEqualTo(
            new EpcmEntry(true, PageType.REG, Permissions.RW, false, false, false, false, LeafScene.BASE + OFFSET));
    assertThat(s.page.memory().segment().asSlice(OFFSET, 4096).mismatch(s.source)).isEqualTo(-1);
    Measurement expected = Measurement.ecreate(1, TestEnclaves.SIZE);
    expected.eadd(OFFSET, Secinfo.reg(Permissions.RW));
    assertThat(s.page.measurement().mrEnclave()).isEqualTo(expected.mrEnclave());
  }

  @Test
  void thread() {
    Scene s = Scene.tcs();
    LeafScene.u64(s.source, 0, 1);
    LeafScene.u64(s.source, 8, Tcs.DBGOPTIN | 0x10);
    LeafScene.u32(s.source, 24, 7);
    LeafScene.u64(s.source, 40, 0x1234);
    LeafScene.u8(s.secinfo, 0, 7);
    assertThat(s.execute().ok()).isTrue();
    assertThat(s.page.pages().entry(3, LeafScene.BASE).permissions()).isEqualTo(Permissions.NONE);
    TcsPage tcs = s.page.threads().get(3);
    assertThat(tcs).isNotNull();
    MemorySegment bytes = MemorySegment.ofArray(tcs.bytes());
    MemorySegment expected = MemorySegment.ofArray(TestEnclaves.tcs(TestEnclaves.SSA_OFFSET).toBytes());
    // DBGOPTIN, CSSA, AEP and STATE are forced to 0; a reserved flag stays, for EENTER to refuse.
    LeafScene.u64(expected, 8, 0x10);
    assertThat(bytes.mismatch(expected)).isEqualTo(-1);
    assertThat(s.page.memory().segment().asSlice(OFFSET, 4096).mismatch(MemorySegment.ofArray(new byte[4096])))
        .as("the enclave's memory holds nothing of a TCS")
        .isEqualTo(-1);
    Measurement measurement = Measurement.ecreate(1, TestEnclaves.SIZE);
    measurement.eadd(OFFSET, Secinfo.tcs());
    assertThat(s.page.measurement().mrEnclave()).isEqualTo(measurement.mrEnclave());
  }
}
