package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import java.util.concurrent.atomic.AtomicLong;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EcreateTest {
  /** ECREATE of a good SECS into an empty frame. */
  private static final class Scene extends LeafScene {
    final LooseFrame destination = epc.reserve();

    Scene() {
      rcx = destination.address();
      new Secinfo(PageType.SECS, Permissions.NONE).write(secinfo);
      fill(source, secs(MiscSelect.NONE).withBaseAddr(BASE).toBytes());
    }

    Outcome execute() {
      return Ecreate.execute(cpu, epc, map(), rbx, rcx, new AtomicLong(9));
    }
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    return new Checks<>(Scene::new, Scene::execute)
        .gp("rbx", "PAGEINFO alignment", s -> s.rbx += 8, "PAGEINFO at")
        .gp("rcx", "SECS alignment", s -> s.rcx += 256, "EPC page at")
        .pf("rcx", "not EPC", s -> s.rcx = 1L << 40, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
        .pf("pageinfo", "PAGEINFO mapped", s -> s.pageinfoMapped = false, 0, s -> s.rbx, "PAGEINFO")
        .gp("srcpge", "SRCPGE alignment", s -> s.srcPge += 8, "SRCPGE")
        .gp("secinfo address", "SECINFO alignment", s -> s.secinfoAt += 8, "SECINFO=")
        .gp("linaddr", "LINADDR zero", s -> s.linAddr = 4096, "LINADDR")
        .gp("secs address", "SECS zero", s -> s.pageinfoSecs = 4096, "SECS=0x1000")
        .pf("secinfo map", "SECINFO mapped", s -> s.secinfoMapped = false, 0, s -> s.secinfoAt, "SECINFO")
        .gp("secinfo", "SECINFO reserved", s -> LeafScene.u8(s.secinfo, 63, 1), "SECINFO has reserved")
        .gp("secinfo type", "SECINFO type", s -> LeafScene.u8(s.secinfo, 1, 2), "SECINFO.FLAGS.PT")
        .gp(
            "rcx",
            "frame of an enclave",
            s -> s.rcx = s.create(LeafScene.secs(MiscSelect.NONE)).elrange().firstFrame() << 12,
            "not available")
        .pf(
            "rcx",
            "SECS valid",
            s -> s.rcx = s.create(LeafScene.secs(MiscSelect.NONE)).address(),
            LeafScene.EPC_PF,
            s -> s.rcx,
            "valid already")
        .pf("source map", "source mapped", s -> s.sourceMapped = false, 0, s -> s.srcPge, "SECS at")
        .gp("xfrm", "XFRM without SSE", s -> LeafScene.u64(s.source, 56, 5), "bits 0 and 1")
        .gp("xfrm", "XFRM without x87", s -> LeafScene.u64(s.source, 56, 6), "bits 0 and 1")
        .gp("xfrm", "XFRM beyond XCR0", s -> LeafScene.u64(s.source, 56, 0x207), "not a legal subset")
        .gp("miscselect", "MISCSELECT", s -> LeafScene.u32(s.source, 20, 2), "MISCSELECT")
        .gp("ssaframesize", "SSAFRAMESIZE 0", s -> LeafScene.u32(s.source, 16, 0), "SSAFRAMESIZE")
        .gp("ssaframesize", "SSAFRAMESIZE huge", s -> LeafScene.u32(s.source, 16, 0x10000), "SSAFRAMESIZE")
        .gp("base,mode", "BASEADDR canonical", s -> LeafScene.u64(s.source, 8, 1L << 48), "not canonical")
        .gp("mode", "MODE64BIT", s -> LeafScene.u64(s.source, 48, 0), "MODE64BIT")
        .gp("size", "SIZE too large", s -> LeafScene.u64(s.source, 0, 1L << 36), "less than 2^36")
        .gp("size", "SIZE negative", s -> LeafScene.u64(s.source, 0, 1L << 63), "less than 2^36")
        .gp("size", "SIZE one page", s -> LeafScene.u64(s.source, 0, 4096), "power of two")
        .gp("size", "SIZE no power of two", s -> LeafScene.u64(s.source, 0, 0x18000), "power of two")
        .gp("base", "BASEADDR alignment", s -> LeafScene.u64(s.source, 8, LeafScene.BASE + 0x8000), "multiple of SIZE")
        .gp("attributes", "INIT", s -> LeafScene.u64(s.source, 48, 5), "ATTRIBUTES=0x5")
        .gp("attributes", "reserved attribute", s -> LeafScene.u64(s.source, 48, 12), "ATTRIBUTES=0xc")
        .gp("attributes", "CET attribute", s -> LeafScene.u64(s.source, 48, 0x44), "ATTRIBUTES=0x44")
        .gp("reserved", "SECS reserved", s -> LeafScene.u8(s.source, 4095, 1), "SECS has reserved")
        .gp("cet", "CET fields", s -> LeafScene.u8(s.source, 32, 1), "CET")
        .gp("config", "CONFIGID without KSS", s -> LeafScene.u8(s.source, 192, 1), "CONFIGID")
        .gp("config", "CONFIGSVN without KSS", s -> LeafScene.u8(s.source, 260, 1), "CONFIGSVN")
        .tests();
  }

  @Test
  void success() {
    Scene s = new Scene();
    assertThat(s.execute().ok()).isTrue();
    SecsPage page = s.destination.secs();
    assertThat(page).isNotNull();
    assertThat(page.eid()).isEqualTo(9);
    assertThat(page.base()).isEqualTo(LeafScene.BASE);
    assertThat(page.initialised()).isFalse();
    assertThat(page.measurement().mrEnclave())
        .isEqualTo(Measurement.ecreate(1, page.size()).mrEnclave());
  }

  @Test
  void identityOfTheSourceIsNotBelieved() {
    Scene s = new Scene();
    Secs liar =
        LeafScene.secs(MiscSelect.NONE)
            .withBaseAddr(LeafScene.BASE)
            .initialized(Digest32.ofHex("11".repeat(32)), Digest32.ofHex("22".repeat(32)), 3, 4)
            .withAttributes(new Attributes(Attributes.MODE64BIT, 7));
    LeafScene.fill(s.source, liar.toBytes());
    assertThat(s.execute().ok()).isTrue();
    Secs secs = s.destination.secs().secs();
    assertThat(secs.mrEnclave()).isEqualTo(Digest32.ZERO);
    assertThat(secs.mrSigner()).isEqualTo(Digest32.ZERO);
    assertThat(secs.isvProdId()).isZero();
    assertThat(secs.isvSvn()).isZero();
  }

  @Test
  void kssMayHaveConfiguration() {
    Scene s = new Scene();
    LeafScene.u64(s.source, 48, Attributes.MODE64BIT | Attributes.KSS);
    LeafScene.u8(s.source, 192, 1);
    LeafScene.u8(s.source, 260, 1);
    assertThat(s.execute().ok()).isTrue();
  }

  @Test
  void frameHasToHoldMiscToo() {
    // 4096 bytes hold an XSAVE area, GPRSGX and EXINFO of any machine we know; a larger area does not.
    Scene s = new Scene();
    LeafScene.u32(s.source, 20, 1);
    assertThat(s.execute().ok()).isTrue();
  }
}
