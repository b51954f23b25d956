package org.enclavisor.testkit;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.enclavisor.monitor.EnterCall;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.SgxDevice;
import org.enclavisor.monitor.UntrustedMemory;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.Registers;
import org.enclavisor.testkit.SampleEnclave.Loaded;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;

/** A monitor on a platform for each test, and a host that enters enclaves. */
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class EnclaveFixture {
  static final long HOST_RIP = 0x5000_0000_1000L;
  static final long HOST_STACK = 0x5000_0001_0000L;
  static final long HOST_FS = 0x5000_0002_0000L;
  static final long HOST_GS = 0x5000_0003_0000L;
  static final long AEP = 0x5000_0000_2000L;
  private static final VarHandle LONG = JAVA_LONG.varHandle();

  private WatchedPlatform platform;
  private Monitor monitor;
  private Leaks before;

  /** A platform that nobody else uses. */
  protected abstract Platform open();

  /** Kills the process behind an address space, as the kernel does when memory runs out. */
  protected abstract void kill(AddressSpace space);

  @BeforeEach
  void openMonitor() {
    before = Leaks.now();
    platform = new WatchedPlatform(open());
    monitor = new Monitor(platform, config());
  }

  /** What the monitor's processor is like. */
  MonitorConfig config() {
    return MonitorConfig.defaults();
  }

  @AfterEach
  void closeMonitor() {
    monitor.close();
    platform.close();
    before.assertNoneSince();
  }

  final SgxDevice device() {
    return monitor;
  }

  final Monitor monitor() {
    return monitor;
  }

  final WatchedPlatform platform() {
    return platform;
  }

  /** The address space of the enclave that was created last. */
  final AddressSpace space() {
    return platform.last();
  }

  /** The ELRANGE of the enclave that was created last. */
  final MemorySegment memory() {
    return space().enclave();
  }

  /** Builds and loads; extended state is all that the machine has, so that nothing inside can be lost. */
  final Loaded load(SampleEnclave.Builder builder) {
    return load(builder.xfrm(platform.machine().xcr0()).build());
  }

  final Loaded load(SampleEnclave enclave) {
    return enclave.load(monitor);
  }

  /** A host's registers at its ENCLU instruction. */
  static Registers host() {
    var registers = new Registers();
    registers.rip = HOST_RIP;
    registers.rsp = HOST_STACK;
    registers.fsBase = HOST_FS;
    registers.gsBase = HOST_GS;
    return registers;
  }

  final EnterOutcome eenter(Loaded loaded, int thread, Registers registers) {
    return enter(loaded, EnterCall.eenter(loaded.tcs(thread), AEP), registers);
  }

  final EnterOutcome eresume(Loaded loaded, int thread, Registers registers) {
    return enter(loaded, EnterCall.eresume(loaded.tcs(thread), AEP), registers);
  }

  private EnterOutcome enter(Loaded loaded, EnterCall call, Registers registers) {
    registers.rax = call.leaf().code();
    registers.rbx = call.tcs();
    registers.rcx = call.aep();
    return monitor.enter(loaded.id(), call, registers);
  }

  /** Does something on a thread of its own. */
  static <T> CompletableFuture<T> start(Supplier<T> entry) {
    return CompletableFuture.supplyAsync(
        entry, task -> Thread.ofPlatform().daemon().name("in-enclave").start(task));
  }

  /** What came of {@link #start}. */
  static <T> T await(CompletableFuture<T> outcome) {
    return outcome.orTimeout(30, TimeUnit.SECONDS).join();
  }

  static void word(UntrustedMemory memory, long offset, long value) {
    LONG.setVolatile(memory.segment(), offset, value);
  }

  static long word(UntrustedMemory memory, long offset) {
    return (long) LONG.getVolatile(memory.segment(), offset);
  }

  static void awaitUntrusted(UntrustedMemory memory, long offset, long value) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (word(memory, offset) < value) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("untrusted[" + offset + "] never became " + value);
      }
      Thread.onSpinWait();
    }
  }
}
