package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EacceptcopyTest {
  private static final long SECINFO = TestEnclaves.DATA_OFFSET + 0x40;
  private static final long SOURCE = TestEnclaves.DATA_OFFSET + 0x1000;
  private static final long PAGE = 0xD000;

  /** A page after EAUG, another with content, and a SECINFO that makes it code. */
  private static final class Scene extends LeafScene {
    final SecsPage page = initialised(MiscSelect.NONE);
    final MemorySegment memory = page.memory().segment();

    Scene() {
      rbx = BASE + SECINFO;
      rcx = BASE + PAGE;
      rdx = BASE + SOURCE;
      epcm(page, PAGE, pending(PageType.REG, Permissions.RW));
      fill(memory.asSlice(SOURCE, 4096), TestEnclaves.code());
      Secinfo.reg(Permissions.RX).write(secinfo());
    }

    MemorySegment secinfo() {
      return memory.asSlice(SECINFO, Secinfo.BYTES);
    }

    Outcome execute() {
      return Eacceptcopy.execute(page, rbx, rcx, rdx);
    }
  }

  private static Checks<Scene> mismatch(Checks<Scene> checks, EpcmEntry entry) {
    return checks.error(
        "the page",
        "the page is " + entry,
        s -> LeafScene.epcm(s.page, PAGE, entry),
        SgxError.SGX_PAGE_ATTRIBUTES_MISMATCH,
        "waits after EAUG");
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    Checks<Scene> checks = new Checks<>(Scene::new, Scene::execute);
    OperandChecks<Scene> secinfo =
        new OperandChecks<>(checks, "SECINFO", SECINFO, false, s -> s.page, (s, a) -> s.rbx = a, s -> s.rbx);
    OperandChecks<Scene> target =
        new OperandChecks<>(checks, "the page", PAGE, true, s -> s.page, (s, a) -> s.rcx = a, s -> s.rcx);
    OperandChecks<Scene> source =
        new OperandChecks<>(checks, "the source", SOURCE, false, s -> s.page, (s, a) -> s.rdx = a, s -> s.rdx);
    secinfo.misaligned(32);
    target.misaligned(64);
    source.misaligned(64);
    secinfo.outside();
    target.outside();
    source.outside();
    secinfo.unmapped();
    target.unmapped();
    checks.pf(
        "the page",
        "the page not valid",
        s -> LeafScene.epcm(s.page, PAGE, LeafScene.invalid()),
        LeafScene.USER_WRITE,
        s -> s.rcx,
        "not valid");
    source.unmapped();
    secinfo.entries();
    checks
        .gp("secinfo", "reserved flag", s -> LeafScene.u8(s.secinfo(), 2, 1), "reserved bits")
        .gp("reserved", "reserved byte", s -> LeafScene.u8(s.secinfo(), 63, 1), "reserved bits")
        .gp("secinfo", "W without R", s -> LeafScene.u8(s.secinfo(), 0, 2), "W without R");
    for (PageType type : PageType.values()) {
      if (type != PageType.REG) {
        checks.gp("secinfo", "a " + type, s -> LeafScene.u8(s.secinfo(), 1, type.code()), "expected PT_REG");
      }
    }
    source.entries();
    mismatch(checks, LeafScene.entry(PageType.REG, Permissions.RW));
    mismatch(checks, LeafScene.modified(PageType.REG, Permissions.RW));
    mismatch(checks, new EpcmEntry(true, PageType.REG, Permissions.RW, true, true, false, false, 0));
    mismatch(checks, new EpcmEntry(true, PageType.REG, Permissions.RW, true, false, false, true, 0));
    mismatch(checks, LeafScene.pending(PageType.TCS, Permissions.RW));
    checks.gp("modify", "another leaf modifies", s -> s.page.pages().tryModify(PAGE / 4096), "another leaf");
    mismatch(checks, LeafScene.pending(PageType.REG, Permissions.R));
    mismatch(checks, LeafScene.pending(PageType.REG, Permissions.RWX));
    return checks.tests();
  }

  @Test
  void thePageHasTheBytesAndThePermissions() {
    Scene s = new Scene();
    assertThat(s.execute().ok()).isTrue();
    assertThat(s.memory.asSlice(PAGE, 4096).mismatch(s.memory.asSlice(SOURCE, 4096))).isEqualTo(-1);
    assertThat(s.page.pages().bits(PAGE / 4096)).isEqualTo(LeafScene.entry(PageType.REG, Permissions.RX).bits());
    assertThat(s.page.pages().tryModify(PAGE / 4096)).as("the lock is given back").isTrue();
  }

  @Test
  void aRefusalCopiesNothing() {
    Scene s = new Scene();
    LeafScene.epcm(s.page, PAGE, LeafScene.pending(PageType.REG, Permissions.R));
    assertThat(s.execute().ok()).isFalse();
    assertThat(s.memory.asSlice(PAGE, 4096).mismatch(MemorySegment.ofArray(new byte[4096]))).isEqualTo(-1);
  }

  @Test
  void pagesMayBeInUseByOthers() {
    Scene s = new Scene();
    s.page.pages().tryExclusive(PAGE / 4096);
    s.page.pages().tryExclusive(SOURCE / 4096);
    s.page.pages().tryModify(SOURCE / 4096);
    assertThat(s.execute().ok()).isTrue();
  }
}
