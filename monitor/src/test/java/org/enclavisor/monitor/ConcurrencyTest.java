package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ConcurrencyTest {
  private final ScriptedPlatform platform = new ScriptedPlatform();
  private final Monitor monitor = new Monitor(platform, MonitorConfig.defaults());
  private final ExecutorService executor = Executors.newCachedThreadPool();

  @AfterEach
  void close() {
    monitor.close();
    executor.shutdownNow();
  }

  private static Exit exit(Registers r) {
    r.rax = EncluLeaf.EEXIT.code();
    r.rbx = r.rcx;
    return Exit.Enclu.INSTANCE;
  }

  private EnterOutcome enter(CreateOutcome.Created e, long offset, EncluLeaf leaf) {
    return monitor.enter(e.id(), new EnterCall(leaf, e.base() + offset, 0x9000), new Registers());
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void oneThreadInATcsAtATime() throws Exception {
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    platform.script =
        (cpu, r, extended) -> {
          most.accumulateAndGet(inside.incrementAndGet(), Math::max);
          Thread.onSpinWait();
          inside.decrementAndGet();
          return exit(r);
        };
    CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
    AtomicInteger entered = new AtomicInteger();
    AtomicInteger refused = new AtomicInteger();
    List<Future<?>> hosts = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      hosts.add(
          executor.submit(
              () -> {
                for (int round = 0; round < 5_000; round++) {
                  switch (enter(e, TestEnclaves.TCS_OFFSET, EncluLeaf.EENTER)) {
                    case EnterOutcome.Exited _ -> entered.incrementAndGet();
                    case EnterOutcome.Refused(Outcome.Fault fault) -> {
                      assertThat(fault.reason()).containsAnyOf("is active", "another leaf works on the TCS");
                      refused.incrementAndGet();
                    }
                    case EnterOutcome.Faulted _, EnterOutcome.Interrupted _, EnterOutcome.Dead _ ->
                        throw new AssertionError("unexpected");
                  }
                }
              }));
    }
    finish(hosts);
    assertThat(most.get()).isEqualTo(1);
    assertThat(entered.get() + refused.get()).isEqualTo(20_000);
    assertThat(entered.get()).isPositive();
  }

  private static void finish(List<Future<?>> hosts) throws InterruptedException, ExecutionException {
    for (Future<?> host : hosts) {
      host.get();
    }
  }

  @Test
  void threadsOfOneEnclaveRunAtOnce() throws Exception {
    CountDownLatch both = new CountDownLatch(2);
    platform.script =
        (cpu, r, extended) -> {
          both.countDown();
          await(both);
          return exit(r);
        };
    CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
    Future<EnterOutcome> one = executor.submit(() -> enter(e, TestEnclaves.TCS_OFFSET, EncluLeaf.EENTER));
    Future<EnterOutcome> two = executor.submit(() -> enter(e, TestEnclaves.TCS2_OFFSET, EncluLeaf.EENTER));
    assertThat(one.get()).isEqualTo(EnterOutcome.Exited.INSTANCE);
    assertThat(two.get()).isEqualTo(EnterOutcome.Exited.INSTANCE);
    assertThat(platform.last().cpus).hasSize(2);
  }

  @Test
  void processorsStayWithTheirThreads() {
    List<Integer> used = new ArrayList<>();
    platform.script =
        (cpu, r, extended) -> {
          used.add(cpu.index);
          return exit(r);
        };
    CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
    for (int i = 0; i < 3; i++) {
      enter(e, TestEnclaves.TCS_OFFSET, EncluLeaf.EENTER);
      enter(e, TestEnclaves.TCS2_OFFSET, EncluLeaf.EENTER);
    }
    assertThat(used).containsExactly(0, 1, 0, 1, 0, 1);
  }

  @Test
  void anIdleThreadsProcessorIsTaken() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    platform.script = (cpu, r, extended) -> exit(r);
    CreateOutcome.Created e =
        (CreateOutcome.Created) monitor.create(TestEnclaves.secs(), 0, 1);
    TestEnclaves.addAll(monitor, e.id());
    TestEnclaves.require(
        monitor.init(
            e.id(),
            TestEnclaves.sign(TestEnclaves.measure(TestEnclaves.secs()).mrEnclave(), TestEnclaves.secs()),
            Optional.empty()));
    assertThat(enter(e, TestEnclaves.TCS_OFFSET, EncluLeaf.EENTER)).isEqualTo(EnterOutcome.Exited.INSTANCE);
    assertThat(enter(e, TestEnclaves.TCS2_OFFSET, EncluLeaf.EENTER)).isEqualTo(EnterOutcome.Exited.INSTANCE);
    platform.script =
        (cpu, r, extended) -> {
          inside.countDown();
          await(go);
          return exit(r);
        };
    Future<EnterOutcome> one = executor.submit(() -> enter(e, TestEnclaves.TCS_OFFSET, EncluLeaf.EENTER));
    await(inside);
    EnterOutcome refused = enter(e, TestEnclaves.TCS2_OFFSET, EncluLeaf.EENTER);
    assertThat(((EnterOutcome.Refused) refused).fault().reason()).contains("all logical processors");
    go.countDown();
    assertThat(one.get()).isEqualTo(EnterOutcome.Exited.INSTANCE);
    assertThat(platform.last().cpus).hasSize(1);
  }

  /** Two threads with a TCS each share one processor: neither ever finds its own TCS in use. */
  @Test
  void takingAnIdleThreadsProcessorIsNotSeenByThatThread() throws Exception {
    platform.script = (cpu, r, extended) -> exit(r);
    CreateOutcome.Created e = (CreateOutcome.Created) monitor.create(TestEnclaves.secs(), 0, 1);
    TestEnclaves.addAll(monitor, e.id());
    TestEnclaves.require(
        monitor.init(
            e.id(),
            TestEnclaves.sign(TestEnclaves.measure(TestEnclaves.secs()).mrEnclave(), TestEnclaves.secs()),
            Optional.empty()));
    List<Future<?>> hosts = new ArrayList<>();
    for (long offset : new long[] {TestEnclaves.TCS_OFFSET, TestEnclaves.TCS2_OFFSET}) {
      hosts.add(
          executor.submit(
              () -> {
                for (int round = 0; round < 400_000; round++) {
                  if (enter(e, offset, EncluLeaf.EENTER) instanceof EnterOutcome.Refused(Outcome.Fault fault)) {
                    assertThat(fault.reason()).contains("all logical processors");
                  }
                }
              }));
    }
    finish(hosts);
  }

  /** Whoever listens to events and fails does so after the thread has left: the TCS is the next thread's by then. */
  @Test
  void aFailureAfterTheExitLeavesTheNextThreadAlone() throws Exception {
    CountDownLatch left = new CountDownLatch(1);
    CountDownLatch nextIsInside = new CountDownLatch(1);
    Monitor listened =
        new Monitor(
            platform,
            MonitorConfig.defaults()
                .withEvents(
                    event -> {
                      if (event instanceof MonitorEvent.Exited) {
                        left.countDown();
                        await(nextIsInside);
                        throw new IllegalArgumentException("the listener");
                      }
                    }));
    platform.script =
        (cpu, r, extended) -> {
          if (left.getCount() > 0) {
            return exit(r);
          }
          nextIsInside.countDown();
          return cpu.loop();
        };
    CreateOutcome.Created e = TestEnclaves.load(listened, TestEnclaves.secs());
    EnterCall call = EnterCall.eenter(e.base() + TestEnclaves.TCS_OFFSET, 0x9000);
    Future<EnterOutcome> first = executor.submit(() -> listened.enter(e.id(), call, new Registers()));
    await(left);
    Future<EnterOutcome> next = executor.submit(() -> listened.enter(e.id(), call, new Registers()));
    assertThatThrownBy(first::get).hasRootCauseMessage("the listener");
    assertThat(listened.remove(e.id()).ok()).isTrue();
    assertThat(next.get()).as("it was waited for").isEqualTo(EnterOutcome.Interrupted.INSTANCE);
    listened.close();
  }

  @Test
  void interruptGetsALoopOut() throws Exception {
    CountDownLatch looping = new CountDownLatch(1);
    platform.script =
        (cpu, r, extended) -> {
          looping.countDown();
          return cpu.loop();
        };
    CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
    Future<EnterOutcome> host = executor.submit(() -> enter(e, TestEnclaves.TCS_OFFSET, EncluLeaf.EENTER));
    await(looping);
    monitor.interrupt(e.id(), e.base() + TestEnclaves.TCS_OFFSET);
    assertThat(host.get()).isEqualTo(EnterOutcome.Interrupted.INSTANCE);
    platform.script = (cpu, r, extended) -> exit(r);
    assertThat(enter(e, TestEnclaves.TCS_OFFSET, EncluLeaf.ERESUME)).isEqualTo(EnterOutcome.Exited.INSTANCE);
  }

  @Test
  void interruptsOfWhoeverIsNotInsideDoNothing() {
    CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
    monitor.interrupt(e.id(), e.base() + TestEnclaves.TCS_OFFSET);
    monitor.interrupt(e.id(), e.base());
    monitor.interrupt(e.id(), 0);
    monitor.interrupt(new EnclaveId(99, 1), 0);
    platform.script = (cpu, r, extended) -> exit(r);
    assertThat(enter(e, TestEnclaves.TCS_OFFSET, EncluLeaf.EENTER)).isEqualTo(EnterOutcome.Exited.INSTANCE);
  }

  @Test
  void aLostInterruptIsSentAgain() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    platform.script =
        (cpu, r, extended) -> {
          inside.countDown();
          // The first ones come too early for this machine.
          while (cpu.interrupts.get() < 3) {
            Thread.onSpinWait();
          }
          cpu.interrupts.set(0);
          return Exit.Interrupt.INSTANCE;
        };
    CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
    Future<EnterOutcome> host = executor.submit(() -> enter(e, TestEnclaves.TCS_OFFSET, EncluLeaf.EENTER));
    await(inside);
    monitor.interrupt(e.id(), e.base() + TestEnclaves.TCS_OFFSET);
    assertThat(host.get()).isEqualTo(EnterOutcome.Interrupted.INSTANCE);
  }

  @Test
  void removingWhileThreadsLoop() throws Exception {
    CountDownLatch looping = new CountDownLatch(2);
    platform.script =
        (cpu, r, extended) -> {
          looping.countDown();
          return cpu.loop();
        };
    CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
    Future<EnterOutcome> one = executor.submit(() -> enter(e, TestEnclaves.TCS_OFFSET, EncluLeaf.EENTER));
    Future<EnterOutcome> two = executor.submit(() -> enter(e, TestEnclaves.TCS2_OFFSET, EncluLeaf.EENTER));
    await(looping);
    assertThat(monitor.remove(e.id()).ok()).isTrue();
    assertThat(one.get()).isEqualTo(EnterOutcome.Interrupted.INSTANCE);
    assertThat(two.get()).isEqualTo(EnterOutcome.Interrupted.INSTANCE);
    assertThat(enter(e, TestEnclaves.TCS_OFFSET, EncluLeaf.ERESUME)).isInstanceOf(EnterOutcome.Refused.class);
  }

  @Test
  void removingWhatDoesNotListenToInterruptsEndsTheProcess() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    platform.script =
        (cpu, r, extended) -> {
          inside.countDown();
          while (!cpu.space.closed) {
            Thread.onSpinWait();
          }
          return new Exit.Death("closed");
        };
    CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
    Future<EnterOutcome> host = executor.submit(() -> enter(e, TestEnclaves.TCS_OFFSET, EncluLeaf.EENTER));
    await(inside);
    long start = System.nanoTime();
    assertThat(monitor.remove(e.id()).ok()).isTrue();
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
    assertThat(host.get()).isEqualTo(new EnterOutcome.Dead("closed"));
  }

  @Test
  void removingUnderFire() throws Exception {
    platform.script = (cpu, r, extended) -> r.rdi == 0 ? exit(r) : new Exit.Fault(6, 0, 0);
    for (int round = 0; round < 12; round++) {
      CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
      CountDownLatch running = new CountDownLatch(3);
      List<Future<?>> hosts = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        long offset = i == 0 ? TestEnclaves.TCS2_OFFSET : TestEnclaves.TCS_OFFSET;
        hosts.add(
            executor.submit(
                () -> {
                  EnterCall call = EnterCall.eenter(e.base() + offset, 0x9000);
                  EnterCall resume = EnterCall.eresume(e.base() + offset, 0x9000);
                  Registers r = new Registers();
                  running.countDown();
                  for (int n = 0; !Thread.currentThread().isInterrupted(); n++) {
                    r.rdi = n & 3;
                    EnterOutcome outcome = monitor.enter(e.id(), (n & 7) == 5 ? resume : call, r);
                    if (outcome instanceof EnterOutcome.Refused(Outcome.Fault fault)
                        && fault.reason().contains("no enclave")) {
                      return;
                    }
                    assertThat(outcome).isNotInstanceOf(EnterOutcome.Dead.class);
                  }
                }));
      }
      await(running);
      assertThat(monitor.remove(e.id()).ok()).isTrue();
      finish(hosts);
    }
    assertThat(monitor.deaths()).isZero();
    assertThat(monitor.enclaves()).isZero();
  }
}
