package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Tcs;
import org.enclavisor.monitor.EnclsRegisters;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.epc.VersionArray;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** EDBGRD and EDBGWR. */
class EdbgTest {
  private static final long VALUE = 0x1122_3344_5566_7788L;
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;

  private static final class Scene extends LeafScene {
    SecsPage page = debug();

    Scene() {
      rcx = frame(TestEnclaves.DATA_OFFSET) + 16;
    }

    private SecsPage debug() {
      return initialised(new Attributes(Attributes.MODE64BIT | Attributes.DEBUG, TestEnclaves.XFRM));
    }

    void notDebug() {
      long before = rcx - frame(0);
      page = initialised(new Attributes(Attributes.MODE64BIT, TestEnclaves.XFRM));
      rcx = frame(0) + before;
    }

    long frame(long offset) {
      return Epc.address(page.elrange().firstFrame()) + offset;
    }

    TcsPage tcs() {
      TcsPage tcs = page.threads().get(TestEnclaves.TCS_OFFSET / 4096);
      assertThat(tcs).isNotNull();
      return tcs;
    }

    long versions() {
      LooseFrame frame = epc.reserve();
      VersionArray versions = new VersionArray();
      versions.exchange(2, 8);
      versions.exchange(3, 7);
      frame.put(versions);
      return frame.address();
    }

    void entry(EpcmEntry entry) {
      epcm(page, TestEnclaves.DATA_OFFSET, entry);
    }

    void busy() {
      EpcPage target = epc.resolve(rcx);
      assertThat(target).isNotNull();
      assertThat(target.tryExclusive()).isTrue();
    }

    Outcome read() {
      EnclsRegisters r = EnclsRegisters.of(1, rcx, 0);
      Outcome outcome = Edbgrd.execute(epc, r);
      rbx = r.rbx;
      return outcome;
    }

    Outcome write() {
      return Edbgwr.execute(epc, EnclsRegisters.of(VALUE, rcx, 0));
    }
  }

  private static Checks<Scene> common(Function<Scene, Outcome> leaf) {
    Consumer<Scene> trim = s -> s.entry(LeafScene.entry(PageType.TRIM, Permissions.NONE));
    return new Checks<>(Scene::new, leaf::apply)
        .gp("align", "alignment", s -> s.rcx += 4, "not aligned to 8 bytes")
        .gp("rcx", "not canonical", s -> s.rcx = 1L << 50, "not canonical")
        .pf("rcx", "not EPC", s -> s.rcx = 1L << 40, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
        .gp("lock,rcx", "conflict", Scene::busy, "another leaf")
        .pf("epcm", "invalid", s -> s.entry(LeafScene.invalid()), LeafScene.EPC_PF, s -> s.rcx, "is not valid")
        .pf("epcm", "PT_TRIM", trim, LeafScene.EPC_PF, s -> s.rcx, "PT_TRIM")
        .pf("epcm,rcx", "PT_SECS", s -> s.rcx = s.page.address(), LeafScene.EPC_PF, s -> s.rcx, "PT_SECS")
        .error(
            "epcm",
            "pending",
            s -> s.entry(LeafScene.pending(PageType.REG, Permissions.RW)),
            SgxError.SGX_PAGE_NOT_DEBUGGABLE,
            "pending or modified")
        .error(
            "epcm",
            "modified",
            s -> s.entry(LeafScene.modified(PageType.REG, Permissions.RW)),
            SgxError.SGX_PAGE_NOT_DEBUGGABLE,
            "pending or modified");
  }

  @TestFactory
  Stream<DynamicTest> checksOfReading() {
    return common(Scene::read)
        .gp("epcm,rcx", "beyond a TCS", s -> s.rcx = s.frame(TestEnclaves.TCS_OFFSET) + 72, "of a TCS")
        .gp("lock,rcx,epcm", "not debug", Scene::notDebug, "not a debug enclave")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> checksOfWriting() {
    return common(Scene::write)
        .pf("rcx,epcm", "PT_VA", s -> s.rcx = s.versions(), LeafScene.EPC_PF, s -> s.rcx, "PT_VA")
        .gp("epcm,rcx", "TCS.OSSA", s -> s.rcx = s.frame(TestEnclaves.TCS_OFFSET) + 16, "of a TCS")
        .gp("epcm,rcx", "TCS.STATE", s -> s.rcx = s.frame(TestEnclaves.TCS_OFFSET), "of a TCS")
        .gp("lock,rcx,epcm", "not debug", Scene::notDebug, "not a debug enclave")
        .tests();
  }

  @Test
  void aRegularPageWhateverItsPermissions() {
    for (Permissions permissions : new Permissions[] {Permissions.NONE, Permissions.RX, Permissions.RW}) {
      Scene s = new Scene();
      s.entry(LeafScene.entry(PageType.REG, permissions));
      assertThat(s.write().ok()).isTrue();
      assertThat(s.page.memory().segment().get(WORD, TestEnclaves.DATA_OFFSET + 16)).isEqualTo(VALUE);
      assertThat(s.translations.calls).containsExactly("written " + TestEnclaves.DATA_OFFSET / 4096);
      assertThat(s.read().ok()).isTrue();
      assertThat(s.rbx).isEqualTo(VALUE);
      assertThat(s.page.memory().segment().get(WORD, TestEnclaves.DATA_OFFSET + 8)).isZero();
      assertThat(s.page.memory().segment().get(WORD, TestEnclaves.DATA_OFFSET + 24)).isZero();
    }
  }

  @Test
  void refusalsChangeNothing() {
    Scene s = new Scene();
    s.notDebug();
    s.page.memory().segment().set(WORD, TestEnclaves.DATA_OFFSET + 16, 7);
    assertThat(s.write().ok()).isFalse();
    assertThat(s.read().ok()).isFalse();
    assertThat(s.rbx).as("RBX").isEqualTo(1);
    assertThat(s.page.memory().segment().get(WORD, TestEnclaves.DATA_OFFSET + 16)).isEqualTo(7);
  }

  @Test
  void blockedPagesCanBeSeen() {
    Scene s = new Scene();
    s.entry(LeafScene.blocked(PageType.REG, Permissions.RW));
    assertThat(s.write().ok()).isTrue();
    assertThat(s.read().ok()).isTrue();
    assertThat(s.rbx).isEqualTo(VALUE);
  }

  @Test
  void everyWordOfATcs() {
    Scene s = new Scene();
    s.tcs().cssa = 3;
    s.tcs().aep = 0xAE0;
    s.tcs().lock();
    s.tcs().activate();
    MemorySegment expected = MemorySegment.ofArray(s.tcs().bytes());
    expected.set(WORD, Tcs.STATE_OFFSET, 1);
    for (int at = 0; at < 72; at += 8) {
      s.rcx = s.frame(TestEnclaves.TCS_OFFSET) + at;
      assertThat(s.read().ok()).isTrue();
      assertThat(s.rbx).as("offset " + at).isEqualTo(expected.get(WORD, at));
    }
  }

  @Test
  void flagsOfATcs() {
    Scene s = new Scene();
    s.rcx = s.frame(TestEnclaves.TCS_OFFSET) + Tcs.FLAGS_OFFSET;
    assertThat(s.tcs().optIn()).isFalse();
    assertThat(Edbgwr.execute(s.epc, EnclsRegisters.of(Tcs.DBGOPTIN, s.rcx, 0)).ok()).isTrue();
    assertThat(s.tcs().optIn()).isTrue();
    assertThat(s.read().ok()).isTrue();
    assertThat(s.rbx).isEqualTo(Tcs.DBGOPTIN);
    assertThat(s.translations.calls).isEmpty();
  }

  @Test
  void aVersionArrayTellsOnlyWhichSlotsAreUsed() {
    Scene s = new Scene();
    long versions = s.versions();
    for (int slot = 0; slot < VersionArray.SLOTS; slot++) {
      s.rcx = versions + 8L * slot;
      assertThat(s.read().ok()).isTrue();
      assertThat(s.rbx).isEqualTo(slot == 2 ? -1 : 0);
    }
  }
}
