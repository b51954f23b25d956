package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.testkit.Seeded;
import org.junit.jupiter.api.Test;

class StubLayoutTest {

  @Test
  void theThreeRangesNeverOverlapAndTheStubKeepsToOneWindow() {
    var seeded = Seeded.named("theThreeRangesNeverOverlap");
    int placed = 0;
    for (int i = 0; i < 5000; i++) {
      long size = 1L << 13 + seeded.below(30);
      long base = seeded.oneOf(List.of(0L, seeded.word() >>> 17, seeded.word() >>> 30, seeded.word() >>> 40)) & -size;
      long untrusted = 4096L * seeded.below(1 << 16);
      long at0 = seeded.chance(0.5) ? 0 : seeded.word() >>> 17 + seeded.below(10) & -4096;
      int processors = 1 + seeded.below(StubLayout.MAX_PROCESSORS);
      int xsaveBytes = seeded.oneOf(List.of(576, 832, 2696, 11008));
      StubLayout at;
      try {
        at = StubLayout.of(new AddressSpaceLayout(base, size, at0, untrusted, processors), xsaveBytes);
      } catch (PlatformException | IllegalArgumentException e) {
        continue;
      }
      placed++;
      assertThat(at.enclave() % size).isZero();
      assertThat(base == 0 || at.enclave() == base).isTrue();
      assertThat(at0 == 0 || at.untrusted() == at0).isTrue();
      long[][] ranges = {
        {at.stub(), at.stub() + at.stubBytes()}, {at.enclave(), at.enclave() + size},
        {at.untrusted(), at.untrusted() + untrusted}
      };
      for (int a = 0; a < 3; a++) {
        assertThat(ranges[a][0]).as("start of range %d of %s", a, at).isGreaterThanOrEqualTo(0x10000);
        assertThat(ranges[a][1]).as("end of range %d of %s", a, at).isLessThanOrEqualTo(StubLayout.TASK_END);
        for (int b = a + 1; b < 3; b++) {
          assertThat(ranges[a][1] <= ranges[b][0] || ranges[b][1] <= ranges[a][0]).as("%d and %d of %s", a, b, at)
              .isTrue();
        }
      }
      assertThat(at.stub() >>> 32).isEqualTo(at.stub() + at.stubBytes() - 1 >>> 32);
      assertThat(at.block(0) % at.blockBytes()).as("blocks tell themselves by their address").isZero();
      assertThat(Math.abs(at.enclave() - at.stub())).as("reach of a jump to the ELRANGE's near end")
          .isLessThan(size + (1L << 33));
    }
    assertThat(placed).isGreaterThan(3000);
  }

  @Test
  void theDefaultPutsTheStubWithinReachOfAJump() {
    var at = StubLayout.of(new AddressSpaceLayout(0, 1L << 30, 1 << 20, 16), 2696);
    assertThat(at.enclave() + (1L << 30) - at.stub()).isLessThan(1L << 31);
  }

  @Test
  void whatHasNoRoomIsRefused() {
    assertThatThrownBy(() -> StubLayout.of(new AddressSpaceLayout(1L << 47, 1 << 16, 0, 1), 832))
        .isInstanceOf(PlatformException.class)
        .hasMessageContaining("no room");
  }
}
