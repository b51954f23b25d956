package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Leaves that change pages, by several processors at once: locks that nobody waits for, and no lost change. */
@Timeout(60)
class PageChangesTest {
  private static final int THREADS = 4;
  private static final long FIRST = 0xC;
  private static final int PAGES = 4;
  private static final long SECINFO = TestEnclaves.DATA_OFFSET;
  private static final int STEPS = 8_000;

  private static final class Scene extends LeafScene {
    final SecsPage page = initialised(MiscSelect.NONE);
    final MemorySegment memory = page.memory().segment();
    private final TcsPage inside;

    /** A thread is inside, as the leaves of ENCLU have it: EREMOVE takes trimmed pages only. */
    Scene() {
      TcsPage tcs = page.threads().get(TestEnclaves.TCS_OFFSET / 4096);
      assertThat(tcs).isNotNull();
      inside = tcs;
      inside.lock();
      inside.entersAt(page.tracking().epoch());
      inside.activate();
    }

    /** ETRACK, after which the thread leaves and enters anew. */
    void track() {
      if (page.tracking().lock().tryTake()) {
        page.tracking().advance();
        inside.entersAt(page.tracking().epoch());
        page.tracking().lock().release();
      }
    }

    long frame(long number) {
      return Epc.address(page.elrange().firstFrame() + number);
    }
  }

  /** One of the leaves on one of the pages. */
  private static @Nullable Outcome step(Scene s, int thread, SplittableRandom random) {
    long number = FIRST + random.nextInt(PAGES);
    long linear = LeafScene.BASE + number * 4096;
    Permissions some = Permissions.of(random.nextBoolean() ? 1 + 2 * random.nextInt(4) : random.nextInt(8));
    // A SECINFO for each thread.
    long mine = SECINFO + thread * 64L;
    int bits = s.page.pages().bits(number);
    switch (random.nextInt(7)) {
      case 0 -> {
        return Eaug.execute(s.epc, pageinfo(s, linear), LeafScene.PAGEINFO_AT, s.frame(number));
      }
      case 1, 2 -> {
        if (EpcmEntry.valid(bits)) {
          EpcmEntry entry = s.page.pages().entry(number, LeafScene.BASE);
          boolean restricted = entry.type() == PageType.REG && !entry.pending();
          new Secinfo(entry.type(), entry.permissions(), entry.pending(), entry.modified(), restricted)
              .write(s.memory.asSlice(mine, 64));
        }
        return Eaccept.execute(s.page, LeafScene.BASE + mine, linear);
      }
      case 3 -> {
        Secinfo.reg(some).write(s.memory.asSlice(mine, 64));
        return Emodpe.execute(s.page, LeafScene.BASE + mine, linear);
      }
      case 4 -> {
        return Emodpr.execute(s.epc, secinfo(Secinfo.reg(some)), LeafScene.SECINFO_AT, s.frame(number));
      }
      case 5 -> {
        Secinfo trim = new Secinfo(PageType.TRIM, Permissions.NONE);
        return Emodt.execute(s.epc, secinfo(trim), LeafScene.SECINFO_AT, s.frame(number));
      }
      default -> {
        s.track();
        return Eremove.execute(s.epc, s.frame(number));
      }
    }
  }

  private static Operands pageinfo(Scene s, long linear) {
    return new Operands()
        .map(
            LeafScene.PAGEINFO_AT,
            MemorySegment.ofArray(new org.enclavisor.isa.Pageinfo(linear, 0, 0, s.page.address()).toBytes()));
  }

  private static Operands secinfo(Secinfo secinfo) {
    return new Operands().map(LeafScene.SECINFO_AT, MemorySegment.ofArray(secinfo.toBytes()));
  }

  @Test
  void entriesStayLegalAndLocksAreGivenBack() throws Exception {
    Scene s = new Scene();
    long[] succeeded = new long[THREADS];
    try (ExecutorService pool = Executors.newFixedThreadPool(THREADS)) {
      List<Future<?>> all = new ArrayList<>();
      for (int t = 0; t < THREADS; t++) {
        int thread = t;
        all.add(
            pool.submit(
                () -> {
                  SplittableRandom random = new SplittableRandom(thread);
                  for (int i = 0; i < STEPS; i++) {
                    Outcome outcome = step(s, thread, random);
                    if (outcome == null || outcome.ok()) {
                      succeeded[thread]++;
                    } else {
                      assertExpected(outcome);
                    }
                    assertLegal(s.page.pages().bits(FIRST + random.nextInt(PAGES)));
                  }
                }));
      }
      for (Future<?> one : all) {
        one.get(50, TimeUnit.SECONDS);
      }
    }
    assertThat(s.page.exclusive()).as("EREMOVE lets threads in again").isFalse();
    for (int p = 0; p < PAGES; p++) {
      assertThat(s.page.pages().tryExclusive(FIRST + p)).as("page %d is unlocked", p).isTrue();
      assertThat(s.page.pages().tryModify(FIRST + p)).isTrue();
    }
    for (long count : succeeded) {
      assertThat(count).as("most steps are not refused for ever").isGreaterThan(STEPS / 20);
    }
  }

  /** An entry that some sequence of leaves, one after the other, can lead to. */
  private static void assertLegal(int bits) {
    if (!EpcmEntry.valid(bits)) {
      return;
    }
    EpcmEntry entry = LeafScene.of(bits);
    switch (entry.type()) {
      case REG -> {
        assertThat(entry.modified()).as(entry.toString()).isFalse();
        if (entry.pending()) {
          assertThat(entry.permissions()).as(entry.toString()).isEqualTo(Permissions.RW);
          assertThat(entry.pr()).as(entry.toString()).isFalse();
        }
      }
      case TRIM -> {
        assertThat(entry.permissions()).as(entry.toString()).isEqualTo(Permissions.NONE);
        assertThat(entry.pending() || entry.pr()).as(entry.toString()).isFalse();
      }
      case SECS, TCS, VA, SS_FIRST, SS_REST -> throw new AssertionError(entry);
    }
  }

  private static void assertExpected(Outcome outcome) {
    boolean expected =
        switch (outcome) {
          case Outcome.Ok _ -> true;
          case Outcome.Error(SgxError error, boolean carry, String _) ->
              !carry
                  && switch (error) {
                    case SGX_EPC_PAGE_CONFLICT, SGX_PAGE_NOT_MODIFIABLE, SGX_NOT_TRACKED,
                        SGX_PAGE_ATTRIBUTES_MISMATCH, SGX_ENCLAVE_ACT -> true;
                    default -> false;
                  };
          case Outcome.Fault(Vector vector, int _, long _, String _) -> vector == Vector.GP || vector == Vector.PF;
        };
    assertThat(expected).as(outcome.toString()).isTrue();
  }
}
