package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.enclavisor.host.Enclave;
import org.enclavisor.testkit.Leaks;
import org.enclavisor.testkit.ProcessView;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Two hundred enclaves live at once in one JVM, and nothing of them is left when they are closed. */
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ManyEnclavesTest {
  private static final int MANY = 200;

  @ParameterizedTest
  @EnumSource(names = {"STUB", "PTRACE"})
  void twoHundredLiveAtOnce(Way way) throws IOException {
    try (var warm = Hosting.on(way)) {
      warm.load("hello").call("hello", "warm");
    }
    Leaks before = Leaks.now();
    Set<Thread> threads = Thread.getAllStackTraces().keySet();
    try (var hosting = Hosting.on(way)) {
      List<Enclave> enclaves = new ArrayList<>();
      for (int i = 0; i < MANY; i++) {
        enclaves.add(hosting.load("hello"));
      }
      assertThat(ProcessView.ownChildren()).hasSizeGreaterThanOrEqualTo(MANY);
      assertThat(enclaves).extracting(Enclave::id).doesNotHaveDuplicates();
      for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < MANY; i++) {
          assertThat(enclaves.get(i).call("hello", "number " + i).value()).as("enclave %d", i).isEqualTo(round);
          assertThat(hosting.printed())
              .isEqualTo("Hello, number %d! This is greeting %d from inside the enclave.\n".formatted(i, round));
        }
      }
      // Half of them by themselves, the others with their host.
      for (int i = 0; i < MANY; i += 2) {
        enclaves.get(i).close();
      }
      assertThat(enclaves.get(1).call("hello", "again").value()).isEqualTo(3);
    }
    before.assertNoneSince();
    assertNoThreadSince(threads);
  }

  @Test
  void manyThreadsLoadCallAndCloseAtOnce() throws InterruptedException, ExecutionException {
    try (var hosting = Hosting.on(Way.STUB);
        var pool = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      List<Future<Object>> sums = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        int number = i;
        sums.add(pool.submit(() -> {
          try (Enclave enclave = hosting.load("calls")) {
            return enclave.call("add", number, 1000).value();
          }
        }));
      }
      for (int i = 0; i < sums.size(); i++) {
        assertThat(sums.get(i).get()).isEqualTo(1000 + i);
      }
      assertThat(hosting.monitor().enclaves()).isZero();
    }
  }

  @Test
  @Tag("soak")
  void thousandsOneAfterTheOther() {
    try (var warm = Hosting.on(Way.STUB)) {
      warm.load("hello").call("hello", "warm");
    }
    Leaks before = Leaks.now();
    try (var hosting = Hosting.on(Way.STUB)) {
      for (int i = 0; i < 2000; i++) {
        try (Enclave enclave = hosting.load("hello")) {
          assertThat(enclave.call("hello", "number " + i).value()).isEqualTo(1);
        }
        hosting.printed();
      }
    }
    before.assertNoneSince();
  }

  private static void assertNoThreadSince(Set<Thread> before) {
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (!before.contains(thread)) {
        try {
          thread.join(5000);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
        assertThat(thread.isAlive()).as("thread left behind: %s", thread).isFalse();
      }
    }
  }
}
