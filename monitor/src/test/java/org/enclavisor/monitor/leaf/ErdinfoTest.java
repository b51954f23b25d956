package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.Stream;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Rdinfo;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class ErdinfoTest {
  private static final class Scene extends PagingScene {
    final byte[] bytes = new byte[Rdinfo.BYTES];
    boolean mapped = true;
    boolean readOnly;

    Scene() {
      Arrays.fill(bytes, (byte) -1);
      rbx = 0x9000;
      page.context().set(77);
    }

    Outcome execute() {
      MemorySegment rdinfo = MemorySegment.ofArray(bytes);
      Operands operands = new Operands();
      return Erdinfo.execute(
          epc, mapped ? operands.map(0x9000, readOnly ? rdinfo.asReadOnly() : rdinfo) : operands, rbx, rcx);
    }

    Rdinfo info() {
      assertThat(execute()).isEqualTo(Outcome.success());
      return Rdinfo.read(MemorySegment.ofArray(bytes));
    }
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    return new Checks<>(Scene::new, Scene::execute)
        .gp("rbx", "RDINFO alignment", s -> s.rbx += 16, "RDINFO at")
        .gp("rcx", "alignment", s -> s.rcx += 8, "EPC page at")
        .gp("rcx", "not canonical", s -> s.rcx = 1L << 47, "not canonical")
        .carry("rcx", "not EPC", s -> s.rcx = 1L << 40, SgxError.SGX_PG_NONEPC, "not in the EPC")
        .error("rcx,lock", "conflict", s -> s.busy(s.rcx), SgxError.SGX_EPC_PAGE_CONFLICT, "another leaf")
        .carry(
            "rcx", "an empty page of the ELRANGE", s -> s.rcx = s.frame(TestEnclaves.SIZE - 4096),
            SgxError.SGX_PG_INVLD, "not valid")
        .carry("rcx", "an empty page", s -> s.rcx = s.epc.reserve().address(), SgxError.SGX_PG_INVLD, "not valid")
        .pf("rbx", "RDINFO mapped", s -> s.mapped = false, Outcome.Fault.WRITE, s -> s.rbx, "RDINFO")
        .pf("rbx", "RDINFO writable", s -> s.readOnly = true, Outcome.Fault.WRITE, s -> s.rbx, "RDINFO")
        .tests();
  }

  @Test
  void everyEntryOfAnEnclavesPage() {
    for (PageType type : new PageType[] {PageType.REG, PageType.TRIM, PageType.TCS}) {
      for (int flags = 0; flags < 128; flags++) {
        Scene s = new Scene();
        Secinfo secinfo =
            new Secinfo(type, Permissions.of(flags), (flags & 8) != 0, (flags & 16) != 0, (flags & 32) != 0);
        EpcmEntry entry =
            new EpcmEntry(
                true, type, secinfo.permissions(), secinfo.pending(), secinfo.modified(), secinfo.pr(),
                (flags & 64) != 0, 0);
        LeafScene.epcm(s.page, TestEnclaves.DATA_OFFSET, entry);
        assertThat(s.info()).isEqualTo(new Rdinfo(false, false, secinfo, (flags & 64) != 0, 77));
      }
    }
  }

  @Test
  void aSecs() {
    Scene s = new Scene();
    s.rcx = s.page.address();
    Secinfo secinfo = new Secinfo(PageType.SECS, Permissions.NONE);
    assertThat(s.info()).isEqualTo(new Rdinfo(true, false, secinfo, false, 77));
    s.page.virtualChildren().set(1);
    assertThat(s.info()).isEqualTo(new Rdinfo(true, true, secinfo, false, 77));
    s.alone();
    assertThat(s.info()).isEqualTo(new Rdinfo(false, true, secinfo, false, 77));
  }

  @Test
  void theContextIsTheAddressAtFirst() {
    Scene s = new Scene();
    s.rcx = s.create(LeafScene.secs(MiscSelect.NONE)).address();
    assertThat(s.info().enclaveContext()).isEqualTo(s.rcx);
  }

  @Test
  void aVersionArray() {
    Scene s = new Scene();
    s.rcx = s.array.address();
    assertThat(s.info()).isEqualTo(new Rdinfo(false, false, new Secinfo(PageType.VA, Permissions.NONE), false, 0));
  }

  @Test
  void refusalsWriteNothing() {
    Scene s = new Scene();
    s.rcx = s.epc.reserve().address();
    assertThat(s.execute().ok()).isFalse();
    assertThat(s.bytes).containsOnly(-1);
  }

  @Test
  void sharesThePageWithReaders() {
    Scene s = new Scene();
    s.shared(s.rcx);
    assertThat(s.execute().ok()).isTrue();
  }
}
