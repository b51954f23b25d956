package org.enclavisor.host.sdk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.enclavisor.host.sdk.ScriptedDevice.UNTRUSTED_BASE;
import static org.enclavisor.host.sdk.ScriptedDevice.exit;

import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.enclavisor.host.SgxStatus;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.spi.Machine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The calling convention of the SDK, seen from the device: what is in which register at which entry. */
@Timeout(30)
class SdkRuntimeTest {
  private static final long BASE = 0x1_0000_0000L;
  private static final long STACK = 1 << 20;
  private static final long HEAP = 1 << 20;
  private static final long TCS = BASE + 0x3000;

  private final ScriptedDevice device = new ScriptedDevice(2 * STACK + HEAP);

  private SdkRuntime runtime(boolean bound, OcallGate gate) {
    return runtime(bound, gate, false);
  }

  private SdkRuntime runtime(boolean bound, OcallGate gate, boolean aexNotify) {
    return new SdkRuntime(
        device,
        new EnclaveId(1, 1),
        BASE,
        List.of(0x3000L, 0x9000L),
        List.of(),
        new SdkRuntime.Config(STACK, HEAP, bound, Duration.ofMillis(20), aexNotify),
        gate);
  }

  private SdkRuntime runtime(OcallGate gate) {
    return runtime(false, gate);
  }

  private static OcallGate none() {
    return (index, ms, slot) -> {
      throw new AssertionError("OCALL " + index);
    };
  }

  private static CallOutcome call(SdkRuntime runtime, int index) {
    TcsSlot slot = runtime.acquire().orElseThrow();
    try (CallArena arena = runtime.arena(slot)) {
      return runtime.ecall(slot, index, 0x1234, arena);
    } finally {
      runtime.release(slot);
    }
  }

  @Test
  void ecall() {
    device.then(
        (call, registers) -> {
          assertThat(registers.rax).as("RAX").isEqualTo(2);
          assertThat(registers.rbx).as("RBX").isEqualTo(call.tcs());
          return exit(-1, 0x1007).run(call, registers);
        });
    assertThat(call(runtime(none()), 7)).isEqualTo(new CallOutcome.Returned(0x1007));
    ScriptedDevice.Entry entry = device.entries.getFirst();
    assertThat(entry.leaf()).isEqualTo("EENTER");
    assertThat(entry.rdi()).isEqualTo(7);
    assertThat(entry.rsi()).isEqualTo(0x1234);
    assertThat(entry.rsp() % 16).isZero();
    assertThat(entry.rsp()).isBetween(UNTRUSTED_BASE, UNTRUSTED_BASE + 2 * STACK);
  }

  @Test
  void ocallGoesBackWithItsStatusAndTheStackItCameWith() {
    long[] stack = new long[1];
    device.then(
        (call, registers) -> {
          registers.rsp -= 0x100;
          stack[0] = registers.rsp;
          return exit(3, 0x5678).run(call, registers);
        });
    device.then(exit(-1, 0));
    var runtime =
        runtime(
            (index, ms, slot) -> {
              assertThat(index).isEqualTo(3);
              assertThat(ms).isEqualTo(0x5678);
              return 0x2;
            });
    assertThat(call(runtime, 0)).isEqualTo(new CallOutcome.Returned(0));
    ScriptedDevice.Entry oret = device.entries.get(1);
    assertThat(oret.rdi()).isEqualTo(-2);
    assertThat(oret.rsi()).isEqualTo(2);
    assertThat(oret.rsp()).isEqualTo(stack[0]);
  }

  @Test
  void nestedEcallStaysOnItsTcsAndBelowTheOcallsStack() {
    var runtime = new SdkRuntime[1];
    runtime[0] =
        runtime(
            (index, ms, slot) -> {
              assertThat(runtime[0].depth()).isEqualTo(1);
              assertThat(call(runtime[0], 9)).isEqualTo(new CallOutcome.Returned(0));
              return 0;
            });
    long[] stack = new long[1];
    device.then(
        (call, registers) -> {
          registers.rsp -= 0x4000;
          stack[0] = registers.rsp;
          return exit(0, 0).run(call, registers);
        });
    device.then(exit(-1, 0)).then(exit(-1, 0));
    assertThat(call(runtime[0], 1)).isEqualTo(new CallOutcome.Returned(0));
    assertThat(device.entries).extracting(ScriptedDevice.Entry::tcs).containsOnly(device.entries.getFirst().tcs());
    assertThat(device.entries.get(1).rsp()).isLessThan(stack[0]);
    assertThat(runtime[0].depth()).isZero();
  }

  @Test
  void handledExceptionIsResumed() {
    device
        .then((call, registers) -> new EnterOutcome.Faulted(Vector.UD, 0, 0))
        .then(exit(-1, 0))
        .then(exit(-1, 0));
    assertThat(call(runtime(none()), 1)).isEqualTo(new CallOutcome.Returned(0));
    assertThat(device.entries).extracting(ScriptedDevice.Entry::leaf).containsExactly("EENTER", "EENTER", "ERESUME");
    assertThat(device.entries.get(1).rdi()).isEqualTo(-3);
    assertThat(device.entries.get(1).rsp()).isLessThan(device.entries.get(0).rsp());
  }

  @Test
  void unhandledExceptionEndsTheCallAndTheTcs() {
    device.then((call, registers) -> new EnterOutcome.Faulted(Vector.DE, 0, 0)).then(exit(-1, 0x1006));
    device.then(exit(-1, 0));
    var runtime = runtime(none());
    assertThat(call(runtime, 1)).isEqualTo(new CallOutcome.Returned(SgxStatus.SGX_ERROR_ENCLAVE_CRASHED.code()));
    call(runtime, 1);
    assertThat(device.entries.get(2).tcs()).as("the other TCS").isNotEqualTo(device.entries.get(0).tcs());
  }

  @Test
  void withAexNotifyTheHandlerIsEnteredInThePlaceOfEresume() {
    device
        .then((call, registers) -> EnterOutcome.Interrupted.INSTANCE)
        .then((call, registers) -> new EnterOutcome.Faulted(Vector.UD, 0, 0))
        .then(exit(-1, 0))
        .then(exit(-1, 0));
    var runtime = runtime(false, none(), true);
    assertThat(call(runtime, 1)).isEqualTo(new CallOutcome.Returned(0));
    assertThat(device.entries).extracting(ScriptedDevice.Entry::leaf).containsExactly("EENTER", "ERESUME", "EENTER");
    assertThat(device.entries.get(2).rdi()).isEqualTo(-3);
    assertThat(device.entries.get(2).rsp()).as("the stack is the interrupted call's")
        .isEqualTo(device.entries.get(0).rsp());
    assertThat(call(runtime, 2)).isEqualTo(new CallOutcome.Returned(0));
    assertThat(device.entries.get(3).tcs()).as("the TCS is free again").isEqualTo(device.entries.get(0).tcs());
  }

  @Test
  void withAexNotifyAHandlerThatFailsCostsTheTcs() {
    device.then((call, registers) -> new EnterOutcome.Faulted(Vector.UD, 0, 0)).then(exit(-1, 0x1006));
    device.then(exit(-1, 0));
    var runtime = runtime(false, none(), true);
    assertThat(call(runtime, 1)).isEqualTo(new CallOutcome.Returned(SgxStatus.SGX_ERROR_ENCLAVE_CRASHED.code()));
    call(runtime, 2);
    assertThat(device.entries.get(2).tcs()).as("the other TCS").isNotEqualTo(device.entries.get(0).tcs());
  }

  @Test
  void refusedHandlerLosesTheCall() {
    device
        .then((call, registers) -> new EnterOutcome.Faulted(Vector.PF, 7, 0x4000))
        .then((call, registers) -> new EnterOutcome.Refused(Outcome.gp("TCS.CSSA=2")));
    assertThat(call(runtime(none()), 1))
        .isInstanceOfSatisfying(
            CallOutcome.Lost.class,
            lost -> {
              assertThat(lost.dead()).isFalse();
              assertThat(lost.reason()).contains("TCS.CSSA=2").contains("#PF(0x7) at 0x4000");
            });
  }

  @Test
  void interruptIsResumedUnlessClosed() {
    var runtime = runtime(none());
    device.then((call, registers) -> EnterOutcome.Interrupted.INSTANCE);
    device.then(
        (call, registers) -> {
          runtime.close();
          return EnterOutcome.Interrupted.INSTANCE;
        });
    assertThat(call(runtime, 1)).isInstanceOf(CallOutcome.Lost.class);
    assertThat(device.entries).extracting(ScriptedDevice.Entry::leaf).containsExactly("EENTER", "ERESUME");
    assertThat(runtime.acquire()).isEmpty();
  }

  @Test
  void deadProcessLosesTheEnclave() {
    device.then((call, registers) -> new EnterOutcome.Dead("signal 9"));
    assertThat(call(runtime(none()), 1)).isEqualTo(new CallOutcome.Lost("signal 9", true));
  }

  @Test
  void ocallWithAWildStackPointerIsRefusedAndToldSo() {
    device.then(
        (call, registers) -> {
          registers.rsp = 0x10;
          return exit(0, 0).run(call, registers);
        });
    device.then(exit(-1, 0));
    call(runtime(none()), 1);
    assertThat(device.entries.get(1).rsi()).isEqualTo(SgxStatus.SGX_ERROR_OUT_OF_MEMORY.code());
  }

  @Test
  void initialization() {
    var machine = new OneMachine();
    device.then(
        (call, registers) -> {
          var memory = new SharedMemory(device.untrusted(new EnclaveId(1, 1)));
          var record = memory.slice(registers.rsi, SystemFeatures.BYTES, "features");
          assertThat(record.get(ValueLayout.JAVA_INT_UNALIGNED, 8)).as("version").isZero();
          assertThat(record.get(ValueLayout.JAVA_LONG_UNALIGNED, 12)).as("feature set").isEqualTo(3L << 62);
          assertThat(record.get(ValueLayout.JAVA_INT_UNALIGNED, 20 + 4 * 5)).as("leaf 1 EBX").isEqualTo(0x101);
          assertThat(record.get(ValueLayout.JAVA_LONG_UNALIGNED, 148)).as("sealed key").isZero();
          assertThat(record.get(ValueLayout.JAVA_LONG_UNALIGNED, 156)).as("size").isEqualTo(176);
          assertThat(record.get(ValueLayout.JAVA_INT_UNALIGNED, 172)).as("cores").isPositive();
          return exit(-1, 0).run(call, registers);
        });
    var runtime = runtime(none());
    assertThat(runtime.initialize(machine, false)).isEqualTo(new CallOutcome.Returned(0));
    assertThat(device.entries.getFirst().rdi()).isEqualTo(-1);
    assertThat(runtime.depth()).isZero();
  }

  /** Leaf and register in every word. */
  private static final class OneMachine implements Machine {
    @Override
    public long xcr0() {
      return 3;
    }

    @Override
    public int xsaveBytes() {
      return 576;
    }

    @Override
    public CpuidResult cpuid(int leaf, int subleaf) {
      return new CpuidResult(leaf << 8, leaf << 8 | 1, leaf << 8 | 2, leaf << 8 | 3);
    }
  }

  @Test
  void waitingAndWaking() throws InterruptedException {
    var runtime = runtime(none());
    assertThat(runtime.wake(TCS)).isTrue();
    assertThat(runtime.await(TCS)).as("was woken before").isTrue();
    assertThat(runtime.await(TCS, 1)).as("in vain, but in time").isTrue();
    assertThat(runtime.await(0x77)).as("no such TCS").isFalse();
    var woken = new CountDownLatch(1);
    Thread.ofVirtual()
        .start(
            () -> {
              runtime.await(TCS);
              woken.countDown();
            });
    assertThat(woken.await(50, TimeUnit.MILLISECONDS)).isFalse();
    runtime.wake(TCS);
    assertThat(woken.await(10, TimeUnit.SECONDS)).isTrue();
    runtime.close();
    assertThat(runtime.await(TCS)).as("closing wakes everybody").isTrue();
  }

  @Test
  void threadOfTheEnclaveTellsWhoJoinsIt() throws InterruptedException {
    var entered = new CountDownLatch(1);
    device.then(
        (call, registers) -> {
          assertThat(registers.rdi).isEqualTo(-6);
          new SharedMemory(device.untrusted(new EnclaveId(1, 1)))
              .slice(registers.rsi, 8, "waiter")
              .set(ValueLayout.JAVA_LONG_UNALIGNED, 0, TCS);
          entered.countDown();
          return exit(-1, 0).run(call, registers);
        });
    var runtime = runtime(none());
    assertThat(runtime.startThread()).isEqualTo(SgxStatus.SGX_SUCCESS);
    assertThat(entered.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(runtime.await(TCS)).isTrue();
  }

  @Test
  void unboundThreadsGiveTheirTcsBackAndWait() throws InterruptedException {
    var runtime = runtime(none());
    TcsSlot first = runtime.acquire().orElseThrow();
    assertThat(runtime.acquire()).as("the same thread").contains(first);
    runtime.release(first);
    TcsSlot[] second = new TcsSlot[1];
    Thread other = Thread.ofPlatform().start(() -> second[0] = runtime.acquire().orElseThrow());
    other.join();
    assertThat(second[0]).isNotSameAs(first);
    boolean[] got = {true};
    Thread third = Thread.ofPlatform().start(() -> got[0] = runtime.acquire().isPresent());
    third.join();
    assertThat(got[0]).as("all are taken").isFalse();
    runtime.release(first);
    Thread fourth = Thread.ofPlatform().start(() -> got[0] = runtime.acquire().isPresent());
    fourth.join();
    assertThat(got[0]).isTrue();
  }

  @Test
  void boundThreadsKeepTheirTcsUntilTheyEnd() throws InterruptedException {
    var runtime = runtime(true, none());
    TcsSlot mine = runtime.acquire().orElseThrow();
    runtime.release(mine);
    boolean[] got = new boolean[2];
    Thread ended =
        Thread.ofPlatform()
            .start(
                () -> {
                  TcsSlot slot = runtime.acquire().orElseThrow();
                  runtime.release(slot);
                });
    ended.join();
    Thread heir = Thread.ofPlatform().start(() -> got[0] = runtime.acquire().isPresent());
    heir.join();
    assertThat(got[0]).as("that of the thread that ended").isTrue();
    Thread late = Thread.ofPlatform().start(() -> got[1] = runtime.acquire().isPresent());
    late.join();
    assertThat(got[1]).isFalse();
    assertThat(runtime.acquire()).contains(mine);
  }

  @Test
  void refusesCommandsAsFunctions() {
    var runtime = runtime(none());
    assertThatThrownBy(() -> call(runtime, -3)).isInstanceOf(IllegalArgumentException.class);
  }
}
