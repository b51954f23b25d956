package org.enclavisor.monitor.epc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Random;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.Allocation;
import org.junit.jupiter.api.Test;

class EpcmTableTest {
  private static final int RW = EpcmEntry.bits(PageType.REG, Permissions.RW);
  private static final int RX = EpcmEntry.bits(PageType.REG, Permissions.RX);

  @Test
  void againstAnArray() {
    Random random = new Random(11);
    int pages = 5000;
    EpcmTable table = new EpcmTable(pages);
    int[] model = new int[pages];
    int[] values = {0, RW, RX, EpcmEntry.bits(PageType.TCS, Permissions.NONE), RW | EpcmEntry.PENDING};
    for (int round = 0; round < 500; round++) {
      int from = random.nextInt(pages);
      int count = random.nextInt(Math.min(pages - from, random.nextBoolean() ? 8 : 2000)) + 1;
      int value = values[random.nextInt(values.length)];
      table.set(from, count, value);
      Arrays.fill(model, from, from + count, value);
      int valid = 0;
      for (int i = 0; i < pages; i++) {
        assertThat(table.bits(i)).isEqualTo(model[i]);
        valid += model[i] & 1;
      }
      assertThat(table.validCount()).isEqualTo(valid);
      int start = random.nextInt(pages);
      int length = random.nextInt(pages - start);
      int first = -1;
      for (int i = start; i < start + length && first < 0; i++) {
        first = EpcmEntry.valid(model[i]) ? i : -1;
      }
      assertThat(table.firstValid(start, length)).isEqualTo(first);
      long[] at = {start};
      table.runs(
          start,
          length,
          (page, run, bits) -> {
            assertThat(page).isEqualTo(at[0]);
            assertThat(run).isPositive();
            for (long i = page; i < page + run; i++) {
              assertThat(bits).isEqualTo(model[(int) i]);
            }
            at[0] += run;
          });
      assertThat(at[0]).isEqualTo(start + length);
    }
  }

  @Test
  void outsideIsEmptyToReadersAndClosedToWriters() {
    EpcmTable table = new EpcmTable(16);
    assertThat(table.bits(-1)).isZero();
    assertThat(table.bits(16)).isZero();
    assertThat(table.bits(Long.MAX_VALUE)).isZero();
    assertThatThrownBy(() -> table.set(15, 2, RW)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> table.set(-1, 1, RW)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> table.set(1, Long.MAX_VALUE, RW)).isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void sixteenGibibytesAreCheap() {
    long pages = 16L << 30 >>> 12;
    long before = Allocation.bytes();
    EpcmTable uniform = new EpcmTable(pages);
    uniform.set(0, pages, RW);
    long alike = Allocation.bytes() - before;
    assertThat(uniform.validCount()).isEqualTo(pages);
    assertThat(alike).as("all pages alike").isLessThan(1 << 20);

    before = Allocation.bytes();
    EpcmTable mixed = new EpcmTable(pages);
    for (long page = 0; page < pages / 2; page++) {
      mixed.set(page, 1, (page & 1) == 0 ? RW : RX);
    }
    long different = Allocation.bytes() - before;
    assertThat(mixed.validCount()).isEqualTo(2_097_152);
    assertThat(different).as("2.1 million pages, no two neighbours alike").isLessThan(18 << 20);

    before = Allocation.bytes();
    EpcmTable huge = new EpcmTable(1L << 47 >>> 12);
    huge.set(0, 4, RW);
    huge.set((1L << 35) - 1, 1, RW);
    huge.set(0, 1L << 35, 0);
    assertThat(Allocation.bytes() - before).as("128 TiB, hardly used").isLessThan(2 << 20);
    assertThat(huge.validCount()).isZero();
  }

  @Test
  void entriesAsValues() {
    for (int bits = 0; bits < 1 << 11; bits++) {
      if ((bits >>> 4 & 7) == 7) {
        continue;
      }
      EpcmTable table = new EpcmTable(2);
      table.set(1, 1, bits);
      EpcmEntry entry = table.entry(1, 0x10000);
      assertThat(entry.bits()).isEqualTo(bits);
      assertThat(entry.enclaveAddress()).isEqualTo(0x11000);
      boolean usable =
          entry.valid() && entry.type() == PageType.REG && !entry.pending() && !entry.modified() && !entry.blocked();
      assertThat(EpcmEntry.access(bits)).isEqualTo(usable ? entry.permissions().bits() : 0);
    }
  }
}
