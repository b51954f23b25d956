package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.EpcmTable;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.junit.jupiter.api.Test;

class EmptiedPagesTest {
  private static final int PAGES = 2048;
  private static final int VALID = EpcmEntry.bits(PageType.REG, Permissions.RW);

  private final List<String> discards = new ArrayList<>();
  private final EpcmTable entries = new EpcmTable(PAGES);
  private final AddressSpace space = space();
  private final EmptiedPages pages = new EmptiedPages(entries, space);

  private AddressSpace space() {
    ScriptedPlatform platform = new ScriptedPlatform();
    platform.onDiscard = (offset, length) -> discards.add(offset / 4096 + "+" + length / 4096);
    return platform.create(new AddressSpaceLayout(0, PAGES * 4096L, 4096, 1));
  }

  private void empty(int... numbers) {
    for (int page : numbers) {
      space.enclave().asSlice(page * 4096L, 4096).fill((byte) 1);
      pages.empty(page);
      MemorySegment bytes = space.enclave().asSlice(page * 4096L, 4096);
      assertThat(bytes.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
    }
  }

  @Test
  void givenBackInRuns() {
    empty(7, 5, 6, 100, 4, 5);
    assertThat(discards).isEmpty();
    pages.reclaim();
    assertThat(discards).containsExactly("4+4", "100+1");
    pages.reclaim();
    assertThat(discards).hasSize(2);
  }

  @Test
  void notThoseThatWereFilledAgain() {
    empty(4, 5, 6, 7);
    entries.set(5, 1, VALID);
    space.enclave().asSlice(5 * 4096L, 4096).fill((byte) 9);
    pages.reclaim();
    assertThat(discards).containsExactly("4+1", "6+2");
    assertThat(space.enclave().get(ValueLayout.JAVA_BYTE, 5 * 4096L)).isEqualTo((byte) 9);
  }

  @Test
  void notThoseThatALeafWorksOn() {
    empty(4, 5, 6);
    assertThat(entries.tryExclusive(5)).isTrue();
    pages.reclaim();
    assertThat(discards).containsExactly("4+1", "6+1");
    for (int page : new int[] {4, 6}) {
      assertThat(entries.tryExclusive(page)).as("lock given back").isTrue();
    }
  }

  @Test
  void whatIsTooMuchIsGivenBackAtOnce() {
    for (int page = 0; page < 512; page++) {
      pages.empty(page);
    }
    assertThat(discards).isEmpty();
    empty(600);
    assertThat(discards).containsExactly("600+1");
    // Most of them are in use again.
    entries.set(0, 400, VALID);
    empty(601);
    assertThat(discards).hasSize(1);
    pages.reclaim();
    assertThat(discards).containsExactly("600+1", "400+112", "601+1");
  }
}
