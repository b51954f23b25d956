package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.HostConfig;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** An enclave that grows, shrinks and makes threads while it runs: examples/dynamic. */
@ParameterizedClass
@EnumSource(Way.class)
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class DynamicSampleTest {
  /** #PF of a write to a page that is present and that the EPCM protects. */
  private static final long WRITE_REFUSED = 0x8007;

  interface Dynamic {
    int can();

    long grow(long pages);

    long commit(long pages);

    long sum();

    long trim(long pages);

    long protect(long page);

    int meet(int parties, long patience);
  }

  @Parameter private Way way;
  private Hosting hosting;
  private Enclave enclave;
  private Dynamic dynamic;

  @BeforeEach
  void load() {
    hosting = Hosting.on(way);
    enclave = hosting.load("dynamic", HostConfig.defaults().withPatience(Duration.ofSeconds(30)));
    dynamic = enclave.bind(Dynamic.class);
  }

  @AfterEach
  void close() {
    hosting.close();
  }

  private static long sumTo(long pages) {
    return pages * (pages + 1) / 2;
  }

  @Test
  void itGrowsByFaultsAndAtOnceAndShrinksAgain() {
    assertThat(dynamic.can()).isEqualTo(1);
    assertThat(dynamic.grow(50)).as("faults").isEqualTo(50);
    assertThat(dynamic.commit(14)).isEqualTo(64);
    assertThat(dynamic.sum()).isEqualTo(sumTo(64));
    for (int round = 0; round < 3; round++) {
      assertThat(dynamic.trim(32)).isEqualTo(32);
      assertThat(dynamic.sum()).isEqualTo(sumTo(32));
      assertThat(dynamic.grow(32)).isEqualTo(32);
      assertThat(dynamic.sum()).isEqualTo(sumTo(64));
    }
  }

  @Test
  void whatItTakesAwayFromItselfIsGone() {
    dynamic.commit(8);
    assertThat(dynamic.protect(3)).isEqualTo(WRITE_REFUSED);
    assertThat(dynamic.protect(3)).as("it gave itself the right back").isEqualTo(WRITE_REFUSED);
    assertThat(dynamic.sum()).isEqualTo(sumTo(8));
  }

  @Test
  void threadsAreMadeWhenTheyAreNeeded() throws Exception {
    // One is ready, one makes the others, of which there are four.
    int parties = 5;
    try (var pool = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      List<Future<Integer>> meetings = new ArrayList<>();
      for (int i = 0; i < parties; i++) {
        meetings.add(pool.submit(() -> dynamic.meet(parties, Long.MAX_VALUE)));
      }
      for (Future<Integer> meeting : meetings) {
        assertThat(meeting.get()).isEqualTo(1);
      }
    }
    assertThat(dynamic.grow(4)).isEqualTo(4);
  }

  @Test
  void withoutDynamicMemoryItIsLoadedInItsOtherLayout() {
    try (Enclave still = hosting.load("dynamic", HostConfig.defaults().withDynamicMemory(false))) {
      Dynamic bound = still.bind(Dynamic.class);
      assertThat(bound.can()).isZero();
      assertThat(bound.grow(1)).isEqualTo(-1);
    }
  }
}
