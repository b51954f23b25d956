package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import java.util.stream.Stream;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EaugTest {
  private static final long OFFSET = 0xD000;

  private static final class Scene extends LeafScene {
    final SecsPage page = initialised(MiscSelect.NONE);

    Scene() {
      rcx = Epc.address(page.elrange().firstFrame()) + OFFSET;
      linAddr = BASE + OFFSET;
      pageinfoSecs = page.address();
      srcPge = 0;
      secinfoAt = 0;
    }

    EpcPage resolve(long address) {
      EpcPage found = epc.resolve(address);
      assertThat(found).isNotNull();
      return found;
    }

    Outcome execute() {
      return Eaug.execute(epc, map(), rbx, rcx);
    }
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    return new Checks<>(Scene::new, Scene::execute)
        .gp("rbx", "PAGEINFO alignment", s -> s.rbx += 8, "PAGEINFO at")
        .gp("rcx", "EPC page alignment", s -> s.rcx += 256, "EPC page at")
        .pf("rcx", "not EPC", s -> s.rcx = 1L << 40, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
        .pf("pageinfo", "PAGEINFO mapped", s -> s.pageinfoMapped = false, 0, s -> s.rbx, "PAGEINFO")
        .gp("secinfo", "SECINFO alignment", s -> s.secinfoAt = 8, "PAGEINFO.SECINFO=0x8 is not aligned")
        .gp("secs", "SECS alignment", s -> s.pageinfoSecs += 8, "PAGEINFO.SECS")
        .gp("linaddr", "LINADDR alignment", s -> s.linAddr += 8, "PAGEINFO.LINADDR")
        .gp("srcpge", "SRCPGE", s -> s.srcPge = 4096, "PAGEINFO.SRCPGE")
        .pf("secs", "SECS not EPC", s -> s.pageinfoSecs = 1L << 40, LeafScene.EPC_PF, s -> s.pageinfoSecs, "SECS")
        .gp("rcx lock", "page in use", s -> s.resolve(s.rcx).tryShared(), "another leaf")
        .pf(
            "rcx,secs lock,rcx lock",
            "a SECS",
            s -> s.rcx = s.page.address(),
            LeafScene.EPC_PF,
            s -> s.rcx,
            "valid already")
        .pf(
            "epcm",
            "a page in use",
            s -> LeafScene.regular(s.page, OFFSET, Permissions.R),
            LeafScene.EPC_PF,
            s -> s.rcx,
            "valid already")
        .pf(
            "secinfo",
            "SECINFO not mapped",
            s -> {
              s.secinfoAt = LeafScene.SECINFO_AT;
              s.secinfoMapped = false;
            },
            0,
            s -> s.secinfoAt,
            "SECINFO")
        .gp("secinfo", "SECINFO of a shadow stack", s -> s.secinfoAt = LeafScene.SECINFO_AT, "no shadow stacks")
        .gp("secs lock", "SECS in use", s -> s.resolve(s.page.address()).tryExclusive(), "another leaf")
        .pf(
            "secs,secs lock",
            "SECS not a SECS",
            s -> s.pageinfoSecs = Epc.address(s.page.elrange().firstFrame()),
            LeafScene.EPC_PF,
            s -> s.pageinfoSecs,
            "is not a SECS")
        .gp(
            "secs,secs lock,rcx,epcm",
            "not initialised",
            s -> s.pageinfoSecs = s.create(LeafScene.secs(MiscSelect.NONE)).address(),
            "not initialised")
        .gp("linaddr", "LINADDR below", s -> s.linAddr = LeafScene.BASE - 4096, "not in the ELRANGE")
        .gp("linaddr", "LINADDR above", s -> s.linAddr = LeafScene.BASE + TestEnclaves.SIZE, "not in the ELRANGE")
        .gp("rcx,rcx lock,epcm", "a frame of no ELRANGE", s -> s.rcx = s.epc.reserve().address(), "not available")
        .gp("linaddr", "LINADDR of another frame", s -> s.linAddr += 4096, "not available at")
        .tests();
  }

  @Test
  void aPendingPageThatNobodyCanUse() {
    Scene s = new Scene();
    assertThat(s.execute().ok()).isTrue();
    EpcmEntry entry = s.page.pages().entry(OFFSET / 4096, LeafScene.BASE);
    assertThat(entry)
        .isEqualTo(
            new EpcmEntry(true, PageType.REG, Permissions.RW, true, false, false, false, LeafScene.BASE + OFFSET));
    assertThat(EpcmEntry.access(entry.bits())).isZero();
    assertThat(Set.copyOf(s.translations.calls)).as("nothing to take away").isEmpty();
    assertThat(s.resolve(s.rcx).tryExclusive()).as("locks are given back").isTrue();
    assertThat(s.resolve(s.page.address()).tryExclusive()).isTrue();
  }
}
