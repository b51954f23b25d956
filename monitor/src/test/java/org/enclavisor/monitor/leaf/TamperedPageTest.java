package org.enclavisor.monitor.leaf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.Pcmd;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcPage;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.LooseFrame;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.VersionArray;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Evicted pages that come back otherwise than they went: every one is refused, and nothing has changed. */
class TamperedPageTest {
  private static final int PAGE_BITS = 8 * 4096;

  /** Kinds of pages that can be evicted. */
  private enum Kind {
    REG {
      @Override
      void choose(PagingScene s) {}
    },
    TCS {
      @Override
      void choose(PagingScene s) {
        s.rcx = s.frame(TestEnclaves.TCS_OFFSET);
      }
    },
    TRIM {
      @Override
      void choose(PagingScene s) {
        s.type(PageType.TRIM);
      }
    },
    VA {
      @Override
      void choose(PagingScene s) {
        LooseFrame other = s.epc.reserve();
        VersionArray versions = new VersionArray();
        versions.exchange(7, 1 << 20);
        other.put(versions);
        s.rcx = other.address();
      }
    },
    SECS {
      @Override
      void choose(PagingScene s) {
        s.alone();
        s.rcx = s.page.address();
      }
    };

    abstract void choose(PagingScene s);

    boolean loose() {
      return this == VA || this == SECS;
    }
  }

  private static PagingScene evicted(Kind kind) {
    PagingScene s = new PagingScene();
    kind.choose(s);
    s.evict();
    if (kind.loose()) {
      s.pageinfoSecs = 0;
    }
    return s;
  }

  private static void refused(PagingScene s) {
    long version = s.versions().get(s.slot());
    Outcome outcome = s.eldu();
    assertThat(outcome.ok()).as(outcome.toString()).isFalse();
    assertThat(s.versions().get(s.slot())).as("slot").isEqualTo(version);
    EpcPage target = s.epc.resolve(s.rcx);
    assertThat(target).isNotNull();
    assertThat(EpcmEntry.valid(target.bits())).as("valid").isFalse();
    assertThat(target.tryExclusive()).as("lock given back").isTrue();
    target.releaseExclusive();
  }

  private static void macRefused(PagingScene s) {
    refused(s);
    assertThat(Checks.describe(s.eldu())).isEqualTo("SGX_MAC_COMPARE_FAIL");
  }

  private static void flipPage(Kind kind, int step) {
    PagingScene s = evicted(kind);
    for (int bit = step / 2; bit < PAGE_BITS; bit += step) {
      EldTest.flip(s.source, bit);
      macRefused(s);
      EldTest.flip(s.source, bit);
    }
    assertThat(Eadd.zero(s.page.memory().segment().asSlice(TestEnclaves.DATA_OFFSET, 4096)))
        .as("nothing was decrypted into the page")
        .isEqualTo(kind == Kind.REG || kind == Kind.TRIM);
    assertThat(s.eldu().ok()).as("unchanged").isTrue();
  }

  @Test
  void bitsOfThePage() {
    for (Kind kind : Kind.values()) {
      flipPage(kind, 61);
    }
  }

  @Test
  @Tag("soak")
  void everyBitOfThePage() {
    for (Kind kind : Kind.values()) {
      flipPage(kind, 1);
    }
  }

  @Test
  void everyBitOfThePcmd() {
    for (Kind kind : Kind.values()) {
      PagingScene s = evicted(kind);
      for (int bit = 0; bit < 8 * Pcmd.BYTES; bit++) {
        if (bit / 8 >= PageCrypto.PCMD_ENCLAVEID && bit / 8 < PageCrypto.PCMD_RESERVED) {
          continue; // For software: below.
        }
        EldTest.flip(s.pcmd, bit);
        refused(s);
        EldTest.flip(s.pcmd, bit);
      }
      assertThat(s.eldu().ok()).as("unchanged").isTrue();
    }
  }

  /** By the manual, PCMD.ENCLAVEID only helps software to find the enclave; the EID that counts is that of the SECS. */
  @Test
  void bitsOfPcmdThatMeanNothingChangeNothing() {
    for (int bit = 8 * PageCrypto.PCMD_ENCLAVEID; bit < 8 * PageCrypto.PCMD_RESERVED; bit++) {
      PagingScene s = new PagingScene();
      MemorySegment page = s.page.memory().segment().asSlice(TestEnclaves.DATA_OFFSET, 4096);
      byte[] before = page.toArray(JAVA_BYTE);
      s.evict();
      EldTest.flip(s.pcmd, bit);
      assertThat(s.eldu().ok()).isTrue();
      assertThat(page.toArray(JAVA_BYTE)).isEqualTo(before);
      assertThat(s.page.pages().bits(PagingScene.number(TestEnclaves.DATA_OFFSET)))
          .isEqualTo(LeafScene.entry(PageType.REG, Permissions.RW).bits());
    }
  }

  @Test
  void everyBitOfThePageinfo() {
    for (Kind kind : Kind.values()) {
      PagingScene s = evicted(kind);
      for (int bit = 0; bit < 8 * Pageinfo.BYTES; bit++) {
        if (kind.loose() && bit >= 192) {
          continue; // PAGEINFO.SECS of a page without a parent is not looked at.
        }
        flipPageinfo(s, bit);
        if (bit < 64) {
          macRefused(s);
        } else {
          refused(s);
        }
        flipPageinfo(s, bit);
      }
      assertThat(s.eldu().ok()).as("unchanged").isTrue();
    }
  }

  private static void flipPageinfo(PagingScene s, int bit) {
    long mask = 1L << bit % 64;
    switch (bit / 64) {
      case 0 -> s.linAddr ^= mask;
      case 1 -> s.srcPge ^= mask;
      case 2 -> s.secinfoAt ^= mask;
      default -> s.pageinfoSecs ^= mask;
    }
  }

  @Test
  void anotherSlot() {
    for (Kind kind : Kind.values()) {
      PagingScene s = evicted(kind);
      long right = s.rdx;
      for (int slot = 0; slot < VersionArray.SLOTS; slot++) {
        s.rdx = s.array.address() + 8L * slot;
        if (s.rdx != right) {
          macRefused(s);
        }
      }
    }
  }

  @Test
  void everyBitOfTheVersion() {
    PagingScene s = evicted(Kind.REG);
    long version = s.versions().get(s.slot());
    for (int bit = 0; bit < 64; bit++) {
      s.versions().exchange(s.slot(), version ^ 1L << bit);
      macRefused(s);
    }
  }

  @Test
  void theSameAgain() {
    PagingScene s = evicted(Kind.REG);
    assertThat(s.eldu().ok()).isTrue();
    assertThat(Eremove.execute(s.epc, s.rcx).ok()).isTrue();
    macRefused(s);
  }

  @Test
  void anOlderOne() {
    for (boolean sameSlot : new boolean[] {true, false}) {
      PagingScene s = evicted(Kind.REG);
      byte[] page = s.source.toArray(JAVA_BYTE);
      byte[] pcmd = s.pcmd.toArray(JAVA_BYTE);
      assertThat(s.eldu().ok()).isTrue();
      s.linAddr = 0;
      s.pageinfoSecs = 0;
      s.rdx += sameSlot ? 0 : 8;
      s.evict();
      byte[] newer = s.source.toArray(JAVA_BYTE);
      LeafScene.fill(s.source, page);
      LeafScene.fill(s.pcmd, pcmd);
      macRefused(s);
      LeafScene.fill(s.source, newer);
      macRefused(s);
    }
  }

  /** Two pages with one another's operands, in every combination. */
  @Test
  void swapped() {
    PagingScene s = new PagingScene();
    long[] frames = {s.frame(TestEnclaves.DATA_OFFSET), s.frame(TestEnclaves.DATA_OFFSET + 4096)};
    List<byte[]> pages = new ArrayList<>();
    List<byte[]> pcmds = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      s.rcx = frames[i];
      s.rdx = s.array.address() + 8L * i;
      s.linAddr = 0;
      s.pageinfoSecs = 0;
      s.evict();
      pages.add(s.source.toArray(JAVA_BYTE));
      pcmds.add(s.pcmd.toArray(JAVA_BYTE));
    }
    int loaded = 0;
    for (int choice = 31; choice >= 0; choice--) {
      LeafScene.fill(s.source, pages.get(choice & 1));
      LeafScene.fill(s.pcmd, pcmds.get(choice >> 1 & 1));
      s.linAddr = LeafScene.BASE + TestEnclaves.DATA_OFFSET + 4096L * (choice >> 2 & 1);
      s.rcx = frames[choice >> 3 & 1];
      s.rdx = s.array.address() + 8L * (choice >> 4 & 1);
      if (choice == 0 || choice == 31) {
        assertThat(s.eldu().ok()).isTrue();
        loaded++;
      } else if (!EpcmEntry.valid(s.epc.resolve(s.rcx).bits())) {
        refused(s);
      }
    }
    assertThat(loaded).isEqualTo(2);
  }

  @Test
  void anotherEnclave() {
    PagingScene s = evicted(Kind.REG);
    SecsPage other = s.initialised(MiscSelect.NONE);
    other.pages().set(PagingScene.number(TestEnclaves.DATA_OFFSET), 1, 0);
    s.pageinfoSecs = other.address();
    macRefused(s);
    s.rcx = s.rcx - s.frame(0) + Epc.address(other.elrange().firstFrame());
    macRefused(s);
    s.pageinfoSecs = s.page.address();
    assertThat(s.eldu().reason()).as("right page, right SECS, wrong frame").contains("not available");
  }

  @Test
  void anotherMonitor() {
    for (Kind kind : Kind.values()) {
      PagingScene from = evicted(kind);
      PagingScene s = new PagingScene(new PageCrypto(new Random(99)));
      LeafScene.fill(s.source, from.source.toArray(JAVA_BYTE));
      LeafScene.fill(s.pcmd, from.pcmd.toArray(JAVA_BYTE));
      s.linAddr = from.linAddr;
      s.pageinfoSecs = kind.loose() ? 0 : s.page.address();
      s.rcx = kind.loose() ? s.epc.reserve().address() : s.frame(TestEnclaves.SIZE - 4096);
      s.versions().exchange(s.slot(), from.versions().get(from.slot()));
      macRefused(s);
    }
  }

  @Test
  void truncated() {
    for (int bytes : new int[] {0, 1, 2048, 4095}) {
      PagingScene s = evicted(Kind.REG);
      Operands operands = s.operands();
      Operands shorter = new Operands().map(LeafScene.PAGEINFO_AT, s.pageinfo).map(PagingScene.PCMD_AT, s.pcmd);
      shorter.map(LeafScene.SOURCE_AT, s.source.asSlice(0, bytes));
      Outcome outcome = new Eld(s.epc, s.crypto, shorter, false, false).execute(s.rbx, s.rcx, s.rdx);
      assertThat(Checks.describe(outcome)).isEqualTo("#PF(0x0) at 0x3000");
      byte[] padded = Arrays.copyOf(s.source.asSlice(0, bytes).toArray(JAVA_BYTE), 4096);
      LeafScene.fill(s.source, padded);
      assertThat(new Eld(s.epc, s.crypto, operands, false, false).execute(s.rbx, s.rcx, s.rdx).ok()).isFalse();
    }
  }

  @Test
  void anythingElse() {
    Random random = new Random(11);
    PagingScene s = evicted(Kind.REG);
    List<Consumer<byte[]>> nonsense = List.of(bytes -> Arrays.fill(bytes, (byte) 0), random::nextBytes);
    byte[] page = new byte[4096];
    byte[] pcmd = new byte[Pcmd.BYTES];
    for (int i = 0; i < 200; i++) {
      nonsense.get(i % 2).accept(page);
      nonsense.get(i / 2 % 2).accept(pcmd);
      LeafScene.fill(s.source, page);
      LeafScene.fill(s.pcmd, pcmd);
      refused(s);
    }
  }

  /** A version array fits any frame, so two loads of one can run at the same time. One version is good for one. */
  @Test
  void oneVersionForTwoLoadsAtOnce() throws InterruptedException, ExecutionException {
    try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
      for (int round = 0; round < 500; round++) {
        PagingScene s = evicted(Kind.VA);
        Operands operands = s.operands();
        List<Future<Outcome>> loads = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
          long frame = s.epc.reserve().address();
          loads.add(threads.submit(() -> new Eld(s.epc, s.crypto, operands, false, false).execute(s.rbx, frame, s.rdx)));
        }
        int ok = 0;
        for (Future<Outcome> load : loads) {
          ok += load.get().ok() ? 1 : 0;
        }
        assertThat(ok).isEqualTo(1);
      }
    }
  }
}
