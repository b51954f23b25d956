package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.Consumer;
import java.util.stream.Stream;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EblockTest {
  @TestFactory
  Stream<DynamicTest> checks() {
    Consumer<PagingScene> invalid = s -> LeafScene.epcm(s.page, TestEnclaves.DATA_OFFSET, LeafScene.invalid());
    return new Checks<>(PagingScene::new, PagingScene::eblock)
        .gp("rcx", "alignment", s -> s.rcx += 8, "EPC page at")
        .gp("rcx", "not canonical", s -> s.rcx = 1L << 47, "not canonical")
        .pf("rcx", "not EPC", s -> s.rcx = 1L << 40, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
        .error("rcx,lock", "conflict", s -> s.busy(s.rcx), SgxError.SGX_EPC_PAGE_CONFLICT, "another leaf")
        .error("epcm,rcx", "invalid", invalid, SgxError.SGX_PG_INVLD, "not valid")
        .carry("rcx", "a SECS", s -> s.rcx = s.page.address(), SgxError.SGX_PG_IS_SECS, "is a SECS")
        .carry("rcx", "a version array", s -> s.rcx = s.array.address(), SgxError.SGX_NOTBLOCKABLE, "PT_VA")
        .error(
            "tracking", "ETRACK", s -> s.page.tracking().lock().tryTake(), SgxError.SGX_ENTRYEPOCH_LOCKED, "ETRACK")
        .carry("epcm,rcx,tracking", "blocked", PagingScene::eblock, SgxError.SGX_BLKSTATE, "blocked already")
        .tests();
  }

  @Test
  void blocksAndStampsAndNotes() {
    for (PageType type : new PageType[] {PageType.REG, PageType.TCS, PageType.TRIM}) {
      PagingScene s = new PagingScene();
      s.rcx = type == PageType.TCS ? s.frame(TestEnclaves.TCS_OFFSET) : s.rcx;
      if (type == PageType.TRIM) {
        s.type(PageType.TRIM);
      }
      s.page.tracking().restore(7);
      long page = PagingScene.number(s.rcx - s.frame(0));
      EpcmEntry before = s.page.pages().entry(page, LeafScene.BASE);
      assertThat(s.eblock().ok()).isTrue();
      assertThat(s.page.pages().bits(page)).isEqualTo(EpcmEntry.block(before.bits()));
      assertThat(s.page.pages().epoch(page)).isEqualTo(7);
      assertThat(s.translations.calls).containsExactly("shrunk " + page);
      assertThat(s.page.pages().tryExclusive(page)).as("lock given back").isTrue();
    }
  }

  @Test
  void sharesThePageWithReaders() {
    PagingScene s = new PagingScene();
    s.shared(s.rcx);
    assertThat(s.eblock().ok()).isTrue();
  }

  @Test
  void aBlockedPageKeepsItsStamp() {
    PagingScene s = new PagingScene();
    assertThat(s.eblock().ok()).isTrue();
    s.page.tracking().restore(9);
    assertThat(s.eblock()).isInstanceOf(Outcome.Error.class);
    assertThat(s.page.pages().epoch(PagingScene.number(TestEnclaves.DATA_OFFSET))).isEqualTo(1);
  }

  @Test
  void blockedPagesAllowNothing() {
    int bits = LeafScene.blocked(PageType.REG, Permissions.RWX).bits();
    assertThat(EpcmEntry.access(bits)).isZero();
  }

  /** A thread of the epoch that began in between may have seen the page as it was. */
  @Test
  void anEpochThatBeginsMeanwhileIsTrackedToo() {
    PagingScene s = new PagingScene();
    long page = PagingScene.number(TestEnclaves.DATA_OFFSET);
    s.page.pages().block(page, s.page.tracking().epoch());
    assertThat(s.page.tracking().advance()).isTrue();
    s.page.restamp(page);
    assertThat(s.page.pages().epoch(page)).isEqualTo(s.page.tracking().epoch());
    assertThat(s.page.tracking().tracked(s.page.pages().epoch(page))).isFalse();
  }
}
