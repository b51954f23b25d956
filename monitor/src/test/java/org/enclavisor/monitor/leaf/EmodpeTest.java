package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EmodpeTest {
  private static final long SECINFO = TestEnclaves.DATA_OFFSET + 0x40;
  private static final long PAGE = 0xD000;

  /** A page without any permission, that gets W and R. */
  private static final class Scene extends LeafScene {
    final SecsPage page = initialised(MiscSelect.NONE);
    final MemorySegment memory = page.memory().segment();

    Scene() {
      rbx = BASE + SECINFO;
      rcx = BASE + PAGE;
      regular(page, PAGE, Permissions.NONE);
      Secinfo.reg(Permissions.RW).write(secinfo());
    }

    MemorySegment secinfo() {
      return memory.asSlice(SECINFO, Secinfo.BYTES);
    }

    @Nullable Outcome execute() {
      return Emodpe.execute(page, rbx, rcx);
    }
  }

  private static void epcm(Scene s, EpcmEntry entry) {
    LeafScene.epcm(s.page, PAGE, entry);
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    Checks<Scene> checks = new Checks<>(Scene::new, Scene::execute);
    OperandChecks<Scene> secinfo =
        new OperandChecks<>(checks, "SECINFO", SECINFO, false, s -> s.page, (s, a) -> s.rbx = a, s -> s.rbx);
    OperandChecks<Scene> target =
        new OperandChecks<>(checks, "the page", PAGE, false, s -> s.page, (s, a) -> s.rcx = a, s -> s.rcx);
    secinfo.misaligned(32);
    target.misaligned(64);
    secinfo.outside();
    target.outside();
    secinfo.unmapped();
    target.unmapped();
    secinfo.entries();
    checks
        .gp("secinfo", "reserved flag", s -> LeafScene.u8(s.secinfo(), 2, 1), "reserved bits")
        .gp("reserved", "reserved byte", s -> LeafScene.u8(s.secinfo(), 63, 1), "reserved bits");
    unusable(checks, "not valid", LeafScene.invalid());
    unusable(checks, "pending", LeafScene.pending(PageType.REG, Permissions.RW));
    unusable(checks, "modified", LeafScene.modified(PageType.REG, Permissions.RW));
    unusable(checks, "blocked", LeafScene.blocked(PageType.REG, Permissions.RW));
    unusable(checks, "a TCS", LeafScene.entry(PageType.TCS, Permissions.NONE));
    unusable(checks, "trimmed", LeafScene.entry(PageType.TRIM, Permissions.NONE));
    return checks
        .gp("modify", "another leaf modifies", s -> s.page.pages().tryModify(PAGE / 4096), "another leaf")
        .gp("secinfo", "W without R", s -> LeafScene.u8(s.secinfo(), 0, 2), "W without R")
        .tests();
  }

  private static void unusable(Checks<Scene> checks, String name, EpcmEntry entry) {
    checks.pf("the page", name, s -> epcm(s, entry), LeafScene.USER_READ, s -> s.rcx, "waits for nothing");
  }

  @Test
  void permissionsAreOnlyGiven() {
    for (Permissions had : LeafScene.allPermissions()) {
      for (Permissions more : LeafScene.allPermissions()) {
        Scene s = new Scene();
        epcm(s, LeafScene.entry(PageType.REG, had));
        Secinfo.reg(more).write(s.secinfo());
        Outcome outcome = s.execute();
        boolean writeOnly = !had.read() && !more.read() && more.write();
        assertThat(outcome == null).isEqualTo(!writeOnly);
        int expected = writeOnly ? had.bits() : had.bits() | more.bits();
        assertThat(s.page.pages().bits(PAGE / 4096))
            .isEqualTo(LeafScene.entry(PageType.REG, Permissions.of(expected)).bits());
      }
    }
  }

  @Test
  void aPageBeingRestrictedKeepsWaiting() {
    Scene s = new Scene();
    epcm(s, new EpcmEntry(true, PageType.REG, Permissions.R, false, false, true, false, 0));
    Secinfo.reg(Permissions.RX).write(s.secinfo());
    assertThat(s.execute()).isNull();
    assertThat(s.page.pages().entry(PAGE / 4096, 0).secinfo())
        .isEqualTo(new Secinfo(PageType.REG, Permissions.RX, false, false, true));
  }

  @Test
  void leavesThatShareThePageAreNoConflict() {
    Scene s = new Scene();
    s.page.pages().tryExclusive(PAGE / 4096);
    assertThat(s.execute()).isNull();
    assertThat(s.page.pages().tryModify(PAGE / 4096)).isTrue();
  }
}
