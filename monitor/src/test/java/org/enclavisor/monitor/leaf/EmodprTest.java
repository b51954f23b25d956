package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EmodprTest {
  private static final long PAGE = 0xD;

  /** A page that may be read, written and executed, in epoch 3, from which W is to be taken. */
  private static final class Scene extends LeafScene {
    SecsPage page = initialised(MiscSelect.NONE);

    Scene() {
      at(page);
      rbx = SECINFO_AT;
      Secinfo.reg(Permissions.RX).write(secinfo);
    }

    void at(SecsPage enclave) {
      page = enclave;
      rcx = Epc.address(page.elrange().firstFrame() + PAGE);
      regular(page, PAGE * 4096, Permissions.RWX);
      page.tracking().restore(3);
    }

    Outcome execute() {
      return Emodpr.execute(epc, map(), rbx, rcx);
    }
  }

  private static void epcm(Scene s, EpcmEntry entry) {
    LeafScene.epcm(s.page, PAGE * 4096, entry);
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    return new Checks<>(Scene::new, Scene::execute)
        .gp("rbx", "SECINFO alignment", s -> s.rbx += 32, "SECINFO at")
        .gp("rcx", "EPC page alignment", s -> s.rcx += 64, "EPC page at")
        .pf("rcx", "not EPC", s -> s.rcx = 1L << 40, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
        .pf("map", "SECINFO mapped", s -> s.secinfoMapped = false, 0, s -> s.rbx, "SECINFO")
        .gp("secinfo", "reserved flags", s -> LeafScene.u8(s.secinfo, 2, 1), "reserved bits")
        .gp("secinfo", "reserved type", s -> LeafScene.u8(s.secinfo, 1, 7), "reserved bits")
        .gp("reserved", "reserved bytes", s -> LeafScene.u8(s.secinfo, 8, 1), "reserved bits")
        .gp("secinfo", "W without R", s -> LeafScene.u8(s.secinfo, 0, 2), "W without R")
        .gp("lock", "page in use", s -> s.page.pages().tryExclusive(PAGE), "another leaf works")
        .pf("epcm", "not valid", s -> epcm(s, LeafScene.invalid()), LeafScene.EPC_PF, s -> s.rcx, "not valid")
        .pf(
            "rcx,lock,epcm,modify,enclave",
            "a SECS",
            s -> s.rcx = s.page.address(),
            LeafScene.EPC_PF,
            s -> s.rcx,
            "not PT_REG")
        .error(
            "modify", "another leaf modifies", s -> s.page.pages().tryModify(PAGE), SgxError.SGX_EPC_PAGE_CONFLICT, "")
        .error(
            "epcm",
            "pending",
            s -> epcm(s, LeafScene.pending(PageType.REG, Permissions.RW)),
            SgxError.SGX_PAGE_NOT_MODIFIABLE,
            "pending")
        .error(
            "epcm",
            "modified",
            s -> epcm(s, LeafScene.modified(PageType.TRIM, Permissions.NONE)),
            SgxError.SGX_PAGE_NOT_MODIFIABLE,
            "modified")
        .pf(
            "epcm",
            "a TCS",
            s -> epcm(s, LeafScene.entry(PageType.TCS, Permissions.NONE)),
            LeafScene.EPC_PF,
            s -> s.rcx,
            "not PT_REG")
        .pf(
            "epcm",
            "trimmed",
            s -> epcm(s, LeafScene.entry(PageType.TRIM, Permissions.NONE)),
            LeafScene.EPC_PF,
            s -> s.rcx,
            "not PT_REG")
        .gp(
            "rcx,lock,epcm,modify",
            "not initialised",
            s -> s.at(s.create(LeafScene.secs(MiscSelect.NONE))),
            "not initialised")
        .tests();
  }

  @Test
  void permissionsAreOnlyTaken() {
    for (Permissions had : LeafScene.allPermissions()) {
      for (Permissions mask : LeafScene.allPermissions()) {
        if (mask.write() && !mask.read()) {
          continue;
        }
        Scene s = new Scene();
        epcm(s, LeafScene.entry(PageType.REG, had));
        Secinfo.reg(mask).write(s.secinfo);
        assertThat(s.execute().ok()).isTrue();
        EpcmEntry entry = s.page.pages().entry(PAGE, LeafScene.BASE);
        assertThat(entry.permissions().bits()).isEqualTo(had.bits() & mask.bits());
        assertThat(entry.pr()).isTrue();
        assertThat(entry.pending() || entry.modified()).isFalse();
        assertThat(s.page.pages().epoch(PAGE)).isEqualTo(3);
        assertThat(s.translations.calls).containsExactly("shrunk 13");
      }
    }
  }

  @Test
  void againAndBlockedPagesToo() {
    Scene s = new Scene();
    epcm(s, LeafScene.blocked(PageType.REG, Permissions.RWX));
    assertThat(s.execute().ok()).isTrue();
    assertThat(EpcmEntry.blocked(s.page.pages().bits(PAGE))).as("BLOCKED stays").isTrue();
    s.page.tracking().advance();
    assertThat(s.execute().ok()).isTrue();
    assertThat(s.page.pages().epoch(PAGE)).as("stamped anew").isEqualTo(4);
    assertThat(s.page.pages().tryExclusive(PAGE)).as("locks are given back").isTrue();
    assertThat(s.page.pages().tryModify(PAGE)).isTrue();
  }
}
