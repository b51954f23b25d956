package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.function.Function;
import java.util.function.ObjLongConsumer;
import java.util.stream.Stream;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.ConfigId;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Report;
import org.enclavisor.isa.Targetinfo;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.SecsPage;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EreportTest {
  private static final long TARGET = TestEnclaves.DATA_OFFSET + 0x200;
  private static final long DATA = TestEnclaves.SSA_OFFSET + 0x80;
  private static final long OUTPUT = TestEnclaves.DATA_OFFSET + 0x1400;
  private static final Targetinfo INFO =
      new Targetinfo(
          Digest32.ofHex("cc".repeat(32)), new Attributes(5, 7), 0, 3, new MiscSelect(1), ConfigId.ofHex(
              "dd".repeat(64)));

  /** Operands on three different pages. */
  private static final class Scene extends LeafScene {
    final SecsPage page = initialised(MiscSelect.NONE);
    final MemorySegment memory = page.memory().segment();

    Scene() {
      rbx = BASE + TARGET;
      rcx = BASE + DATA;
      rdx = BASE + OUTPUT;
      INFO.write(memory.asSlice(TARGET, Targetinfo.BYTES));
      memory.asSlice(DATA, 64).fill((byte) 0x5A);
    }

    @Nullable Outcome execute() {
      return Ereport.execute(cpu, page, rbx, rcx, rdx);
    }
  }

  private static Checks<Scene> operand(
      Checks<Scene> checks,
      String name,
      long offset,
      int misalignment,
      Permissions lacking,
      int code,
      ObjLongConsumer<Scene> set,
      Function<Scene, Long> get) {
    long page = offset & -4096;
    return checks
        .gp(name, name + " alignment", s -> set.accept(s, LeafScene.BASE + offset + misalignment), name + " at")
        .gp(name, name + " outside", s -> set.accept(s, LeafScene.BASE - 4096), "not in the ELRANGE")
        .pf(
            name,
            name + " not valid",
            s -> LeafScene.epcm(s.page, page, LeafScene.invalid()),
            code,
            get,
            name + " is not valid")
        .pf(
            name,
            name + " blocked",
            s -> LeafScene.epcm(s.page, page, LeafScene.blocked(PageType.REG, Permissions.RW)),
            code,
            get,
            name + " is blocked")
        .pf(
            name,
            name + " type",
            s -> LeafScene.epcm(s.page, page, LeafScene.entry(PageType.TCS, Permissions.RW)),
            code,
            get,
            name + " is not a regular page")
        .pf(
            name,
            name + " pending",
            s -> LeafScene.epcm(s.page, page, LeafScene.pending(PageType.REG, Permissions.RW)),
            code,
            get,
            name + " is not a regular page")
        .pf(
            name,
            name + " modified",
            s -> LeafScene.epcm(s.page, page, LeafScene.modified(PageType.REG, Permissions.RW)),
            code,
            get,
            name + " is not a regular page")
        .pf(
            name,
            name + " permission",
            s -> LeafScene.epcm(s.page, page, LeafScene.entry(PageType.REG, lacking)),
            code,
            get,
            name + " is not a regular page");
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    Checks<Scene> checks = new Checks<>(Scene::new, Scene::execute);
    operand(checks, "TARGETINFO", TARGET, 128, Permissions.NONE, LeafScene.USER_READ, (s, a) -> s.rbx = a, s -> s.rbx);
    operand(checks, "REPORTDATA", DATA, 64, Permissions.NONE, LeafScene.USER_READ, (s, a) -> s.rcx = a, s -> s.rcx);
    operand(checks, "REPORT", OUTPUT, 128, Permissions.R, LeafScene.USER_WRITE, (s, a) -> s.rdx = a, s -> s.rdx);
    return checks.tests();
  }

  @Test
  void reportSaysWhoTheEnclaveIs() {
    Scene s = new Scene();
    assertThat(s.execute()).isNull();
    Report report = Report.read(s.memory.asSlice(OUTPUT, Report.BYTES));
    assertThat(report.mrEnclave()).isEqualTo(s.page.secs().mrEnclave());
    assertThat(report.mrSigner()).isEqualTo(s.page.secs().mrSigner());
    assertThat(report.attributes()).isEqualTo(s.page.attributes());
    assertThat(report.attributes().has(Attributes.INIT)).isTrue();
    assertThat(report.isvProdId()).isEqualTo(5);
    assertThat(report.isvSvn()).isEqualTo(6);
    assertThat(report.cpuSvn()).isEqualTo(s.cpu.cpuSvn());
    assertThat(report.keyId()).isEqualTo(s.cpu.reportKeyId());
    assertThat(report.reportData().hex()).isEqualTo("5a".repeat(64));
    assertThat(report.verifyMac(s.cpu.keys().reportKey(INFO, report.keyId(), report.cpuSvn()))).isTrue();
  }

  @Test
  void reservedBytesOfTheTargetDoNotMatter() {
    Scene s = new Scene();
    s.memory.asSlice(TARGET + 128, 384).fill((byte) 0xFF);
    LeafScene.u8(s.memory, TARGET + 48, 0xFF);
    LeafScene.u8(s.memory, TARGET + 49, 0xFF);
    LeafScene.u8(s.memory, TARGET + 60, 0xFF);
    assertThat(s.execute()).isNull();
    Report report = Report.read(s.memory.asSlice(OUTPUT, Report.BYTES));
    assertThat(report.verifyMac(s.cpu.keys().reportKey(INFO, report.keyId(), report.cpuSvn()))).isTrue();
  }

  @Test
  void operandsMayOverlap() {
    Scene s = new Scene();
    s.rdx = s.rbx;
    assertThat(s.execute()).isNull();
    Report report = Report.read(s.memory.asSlice(TARGET, Report.BYTES));
    assertThat(report.verifyMac(s.cpu.keys().reportKey(INFO, report.keyId(), report.cpuSvn()))).isTrue();
  }
}
