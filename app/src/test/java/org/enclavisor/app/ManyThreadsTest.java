package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.EnclaveLostException;
import org.enclavisor.host.HostConfig;
import org.enclavisor.host.WrongUseException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Java programs are untidy: many threads of every kind, interrupted, beside other processes, closed in the middle. */
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ManyThreadsTest {
  private static final int THREADS = 8;

  /** Answers the samples' OCALLs. */
  public static final class Servant {
    public void ocallPause(long ticket) {
      if (ticket % 7 == 0) {
        Thread.yield();
      }
    }

    public double ocallReport(double value) {
      return value;
    }
  }

  @ParameterizedTest
  @EnumSource
  void callsOcallsExceptionsAndInterruptsAllAtOnce(Way way) throws ExecutionException, InterruptedException {
    allAtOnce(way, Duration.ofMillis(1000));
  }

  @ParameterizedTest
  @EnumSource
  @Tag("soak")
  void allAtOnceForLong(Way way) throws ExecutionException, InterruptedException {
    allAtOnce(way, Duration.ofSeconds(30));
  }

  private static void allAtOnce(Way way, Duration time) throws ExecutionException, InterruptedException {
    try (var hosting = Hosting.on(way);
        Enclave threads = hosting.load("threads", HostConfig.defaults().withPatience(Duration.ofMinutes(1)));
        Enclave registers = hosting.load("fpavx", HostConfig.defaults().withPatience(Duration.ofMinutes(1)));
        var pool = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      threads.serve(new Servant());
      registers.serve(new Servant());
      long end = System.nanoTime() + time.toNanos();
      var counted = new AtomicLong();
      List<Future<?>> futures = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        int number = i;
        futures.add(pool.submit(() -> {
          for (long round = number; System.nanoTime() < end; round++) {
            switch ((int) (round % 5)) {
              case 0 -> {
                threads.call("count_atomic", 500L);
                counted.addAndGet(500);
              }
              case 1 -> assertThat(threads.call("leave_and_return", round).value()).isEqualTo(1);
              case 2 -> assertThat(threads.call("count_own", round).value()).isEqualTo(round);
              case 3 -> assertThat(registers.call("hold_through_exception", round).value()).isEqualTo(0);
              default -> assertThat(registers.call("hold", round, 200_000L).value()).isEqualTo(0);
            }
          }
        }));
      }
      while (System.nanoTime() < end) {
        hosting.interrupt(threads);
        hosting.interrupt(registers);
        Thread.sleep(1);
      }
      for (Future<?> future : futures) {
        future.get();
      }
      assertThat(threads.call("counted").value()).isEqualTo(counted.get());
      assertThat(counted.get()).isPositive();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"STUB", "PTRACE"})
  void virtualThreadsMayCall(Way way) throws ExecutionException, InterruptedException {
    try (var hosting = Hosting.on(way);
        Enclave enclave = hosting.load("threads", HostConfig.defaults().withPatience(Duration.ofMinutes(1)));
        var pool = Executors.newVirtualThreadPerTaskExecutor()) {
      enclave.serve(new Servant());
      List<Future<Object>> futures = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        long ticket = i;
        futures.add(pool.submit(() -> enclave.call("leave_and_return", ticket).value()));
      }
      for (Future<Object> future : futures) {
        assertThat(future.get()).isEqualTo(1);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"STUB", "STUB_ONE_CORE", "PTRACE"})
  void anInterruptedThreadFinishesItsCallAndStaysInterrupted(Way way) throws InterruptedException {
    try (var hosting = Hosting.on(way);
        Enclave enclave = hosting.load("fpavx")) {
      var seen = new AtomicBoolean();
      var right = new AtomicBoolean();
      Thread caller = Thread.ofPlatform().start(() -> {
        Thread.currentThread().interrupt();
        right.set(enclave.call("hold", 7L, 50_000_000L).value().equals(0));
        seen.set(Thread.interrupted());
      });
      caller.join(TimeUnit.SECONDS.toMillis(60));
      assertThat(right).isTrue();
      assertThat(seen).as("the interrupt is the program's, not ours").isTrue();
      assertThat(enclave.call("hold", 8L, 1L).value()).isEqualTo(0);
    }
  }

  @Test
  void allPlatformsAndOtherProcessesInOneProgram() throws IOException, InterruptedException {
    try (var stub = Hosting.on(Way.STUB);
        var strict = Hosting.on(Way.STUB_STRICT);
        var ptrace = Hosting.on(Way.PTRACE);
        Enclave one = stub.load("calls");
        Enclave two = strict.load("calls");
        Enclave three = ptrace.load("calls")) {
      for (int i = 0; i < 20; i++) {
        Process other = new ProcessBuilder("/bin/sh", "-c", "exit " + i).start();
        assertThat(three.call("add", i, 3).value()).isEqualTo(i + 3);
        assertThat(one.call("add", i, 1).value()).isEqualTo(i + 1);
        assertThat(two.call("add", i, 2).value()).isEqualTo(i + 2);
        assertThat(other.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(other.exitValue()).as("nobody takes another's exit status").isEqualTo(i);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void closingInTheMiddleEndsEveryCall(Way way) throws InterruptedException, ExecutionException {
    try (var hosting = Hosting.on(way);
        var pool = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      for (int round = 0; round < 10; round++) {
        Enclave enclave = hosting.load("threads");
        enclave.serve(new Servant());
        List<Future<Throwable>> ends = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
          long number = i;
          ends.add(pool.submit(() -> {
            try {
              while (true) {
                if (number % 2 == 0) {
                  enclave.call("count_atomic", 100_000L);
                } else {
                  enclave.call("leave_and_return", number);
                }
              }
            } catch (EnclaveLostException | WrongUseException e) {
              return e;
            }
          }));
        }
        Thread.sleep(20);
        enclave.close();
        for (Future<Throwable> end : ends) {
          assertThat(end.get().getMessage()).containsAnyOf("closed", "destroyed", "removed", "ended");
        }
      }
      assertThat(hosting.monitor().enclaves()).isZero();
    }
  }
}
