package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.EnclaveException;
import org.enclavisor.host.HostConfig;
import org.enclavisor.host.SgxStatus;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** Several Java threads in one enclave at once: examples/threads has eight TCS. */
@ParameterizedClass
@EnumSource(Way.class)
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ThreadsSampleTest {
  private static final int TCS = 8;

  interface Threads {
    long countLocked(String who, long times);

    long countAtomic(long times);

    long counted();

    int meet(int parties, long patience);

    long countOwn(long times);

    int leaveAndReturn(long ticket);
  }

  @Parameter private Way way;
  private Hosting hosting;
  private Enclave enclave;
  private Threads threads;

  @BeforeEach
  void load() {
    hosting = Hosting.on(way);
    enclave = hosting.load("threads", HostConfig.defaults().withPatience(Duration.ofMillis(200)));
    threads = enclave.bind(Threads.class);
  }

  @AfterEach
  void close() {
    hosting.close();
  }

  private static <T> List<T> together(int many, java.util.function.IntFunction<Callable<T>> task)
      throws InterruptedException, ExecutionException {
    try (var pool = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      var futures = new ArrayList<Future<T>>();
      for (int i = 0; i < many; i++) {
        futures.add(pool.submit(task.apply(i)));
      }
      var results = new ArrayList<T>();
      for (Future<T> future : futures) {
        results.add(future.get());
      }
      return results;
    }
  }

  @Test
  void allThreadsAreInsideAtOnce() throws InterruptedException, ExecutionException {
    // None can leave before all are there, so this ends only if the TCS run in parallel.
    assertThat(together(TCS, i -> () -> threads.meet(TCS, Long.MAX_VALUE))).containsOnly(1);
    assertThat(threads.meet(2, 1000)).as("alone").isZero();
  }

  @Test
  void nothingIsLostUnderLocksAndAtomics() throws InterruptedException, ExecutionException {
    long times = 20_000;
    together(4, i -> () -> threads.countLocked("thread " + i, times));
    assertThat(threads.counted()).isEqualTo(4 * times);
    together(4, i -> () -> threads.countAtomic(times));
    assertThat(threads.counted()).isEqualTo(8 * times);
  }

  @Test
  void eachSaysOnceWhatItDid() throws InterruptedException, ExecutionException {
    together(4, i -> () -> threads.countLocked("thread " + i, 10));
    assertThat(hosting.printed().lines())
        .containsExactlyInAnyOrder(
            "thread 0 added 10 under the lock", "thread 1 added 10 under the lock",
            "thread 2 added 10 under the lock", "thread 3 added 10 under the lock");
  }

  @Test
  void threadLocalVariablesAreEachThreadsOwn() throws InterruptedException, ExecutionException {
    assertThat(together(TCS, i -> () -> threads.countOwn(1000 + i)))
        .containsExactly(1000L, 1001L, 1002L, 1003L, 1004L, 1005L, 1006L, 1007L);
    assertThat(threads.countOwn(5)).as("a root ECALL starts anew").isEqualTo(5);
  }

  /** Keeps threads outside until all of them are. */
  public static final class Pause {
    private final CountDownLatch outside;

    Pause(int many) {
      outside = new CountDownLatch(many);
    }

    public void ocallPause(long ticket) throws InterruptedException {
      outside.countDown();
      if (!outside.await(20, TimeUnit.SECONDS)) {
        throw new IllegalStateException("not all came");
      }
    }
  }

  @Test
  void everyThreadReturnsToItsOwnStack() throws InterruptedException, ExecutionException {
    enclave.serve(new Pause(TCS));
    assertThat(together(TCS, i -> () -> threads.leaveAndReturn(100 + i))).containsOnly(1);
  }

  /** Keeps threads outside until it is opened. */
  public static final class Gate {
    private final CountDownLatch outside = new CountDownLatch(TCS);
    private final CountDownLatch open = new CountDownLatch(1);

    public void ocallPause(long ticket) throws InterruptedException {
      outside.countDown();
      open.await();
    }
  }

  @Test
  void oneThreadMoreThanThereAreTcsIsTurnedAway() throws InterruptedException, ExecutionException {
    try (var pool = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      var gate = new Gate();
      enclave.serve(gate);
      var futures = new ArrayList<Future<Integer>>();
      for (int i = 0; i < TCS; i++) {
        long ticket = i;
        futures.add(pool.submit(() -> threads.leaveAndReturn(ticket)));
      }
      assertThat(gate.outside.await(20, TimeUnit.SECONDS)).isTrue();
      assertThatThrownBy(() -> threads.counted())
          .isInstanceOfSatisfying(
              EnclaveException.class, e -> assertThat(e.status()).isEqualTo(SgxStatus.SGX_ERROR_OUT_OF_TCS.code()));
      gate.open.countDown();
      for (Future<Integer> future : futures) {
        assertThat(future.get()).isEqualTo(1);
      }
    }
    assertThat(threads.counted()).isZero();
  }

  @Test
  void twoEnclavesDoNotSeeEachOther() throws InterruptedException, ExecutionException {
    try (Enclave second = hosting.load("threads")) {
      Threads other = second.bind(Threads.class);
      together(4, i -> () -> i % 2 == 0 ? threads.countAtomic(5000) : other.countAtomic(300));
      assertThat(threads.counted()).isEqualTo(10_000);
      assertThat(other.counted()).isEqualTo(600);
    }
  }
}
