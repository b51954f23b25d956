package org.enclavisor.monitor.epc;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.junit.jupiter.api.Test;

class PageLocksTest {
  private static final int RW = EpcmEntry.bits(PageType.REG, Permissions.RW);

  private final EpcmTable table = new EpcmTable(1024);

  @Test
  void oneAloneOrManyTogether() {
    assertThat(table.tryShared(7)).isTrue();
    assertThat(table.tryShared(7)).isTrue();
    assertThat(table.tryExclusive(7)).isFalse();
    table.releaseShared(7);
    table.releaseShared(7);
    assertThat(table.tryExclusive(7)).isTrue();
    assertThat(table.tryExclusive(7)).isFalse();
    assertThat(table.tryShared(7)).isFalse();
    assertThat(table.tryExclusive(8)).as("another page").isTrue();
    table.releaseExclusive(7);
    assertThat(table.tryShared(7)).isTrue();
  }

  @Test
  void noMoreShareItThanCanBeCounted() {
    for (int i = 0; i < 255; i++) {
      assertThat(table.tryShared(0)).isTrue();
    }
    assertThat(table.tryShared(0)).isFalse();
    assertThat(table.bits(0)).as("the entry is another matter").isZero();
    table.releaseShared(0);
    assertThat(table.tryShared(0)).isTrue();
  }

  @Test
  void theRestOfTheWordIsLeftAlone() {
    assertThat(table.tryModify(3)).isTrue();
    assertThat(table.tryModify(3)).isFalse();
    assertThat(table.tryExclusive(3)).as("of another kind").isTrue();
    table.stamp(3, RW, EpcmTable.MAX_EPOCH);
    table.grant(3, 1, 7);
    assertThat(table.bits(3)).isEqualTo(RW);
    assertThat(table.epoch(3)).isEqualTo(EpcmTable.MAX_EPOCH);
    assertThat(table.granted(3)).isEqualTo(7);
    assertThat(table.validCount()).isEqualTo(1);
    table.set(3, 1, 0);
    assertThat(table.epoch(3)).isEqualTo(EpcmTable.MAX_EPOCH);
    assertThat(table.validCount()).isZero();
    assertThat(table.tryExclusive(3)).isFalse();
    table.releaseExclusive(3);
    table.releaseModify(3);
    assertThat(table.tryModify(3)).isTrue();
  }

  @Test
  void manyThreadsOnOneWord() throws InterruptedException {
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger wrong = new AtomicInteger();
    Thread[] threads = new Thread[4];
    for (int t = 0; t < threads.length; t++) {
      int bits = EpcmEntry.bits(PageType.REG, Permissions.of(t));
      threads[t] =
          Thread.ofPlatform().start(
              () -> {
                for (int done = 0; done < 20_000; ) {
                  if (table.tryExclusive(9)) {
                    table.set(9, 1, bits);
                    if (inside.incrementAndGet() != 1 || table.bits(9) != bits) {
                      wrong.incrementAndGet();
                    }
                    inside.decrementAndGet();
                    table.releaseExclusive(9);
                    done++;
                  } else {
                    Thread.onSpinWait();
                  }
                }
              });
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(wrong).hasValue(0);
    assertThat(table.tryExclusive(9)).isTrue();
  }
}
