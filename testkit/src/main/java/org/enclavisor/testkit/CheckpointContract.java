package org.enclavisor.testkit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.enclavisor.testkit.Reg.R8;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Reg.RDI;
import static org.enclavisor.testkit.Reg.RDX;
import static org.enclavisor.testkit.Reg.RSI;
import static org.enclavisor.testkit.SampleEnclave.DATA;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.Key128;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Tcs;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.EnclaveState;
import org.enclavisor.monitor.EnterCall;
import org.enclavisor.monitor.EnterOutcome;
import org.enclavisor.monitor.EnterOutcome.Exited;
import org.enclavisor.monitor.EnterOutcome.Faulted;
import org.enclavisor.monitor.EnterOutcome.Interrupted;
import org.enclavisor.monitor.EnterOutcome.Refused;
import org.enclavisor.monitor.EpcLimit;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.RangeOutcome;
import org.enclavisor.monitor.RestoreOutcome;
import org.enclavisor.monitor.UntrustedMemory;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.Registers;
import org.enclavisor.monitor.state.StateProgress;
import org.enclavisor.testkit.SampleEnclave.Loaded;
import org.junit.jupiter.api.Test;

/** An enclave can be stopped at any instruction, written, ended and read again, and goes on as if nothing had been. */
public abstract class CheckpointContract extends EnclaveFixture {
  /** Where the first thread's first SSA frame keeps RIP, in an enclave with frames of one page and no MISC region. */
  private static final long SAVED_RIP = SampleEnclave.THREADS + 0x2000 - GprSgx.BYTES + GprSgx.RIP_OFFSET;

  private static final int YMM = 32;

  /** An enclave, in whatever monitor and life it is now. */
  private record Living(WatchedPlatform platform, Monitor monitor, EnclaveId id, Loaded loaded) {
    EnterOutcome enter(EnterCall call, Registers registers) {
      registers.rax = call.leaf().code();
      registers.rbx = call.tcs();
      registers.rcx = call.aep();
      return monitor.enter(id, call, registers);
    }

    EnterOutcome eenter(int thread, Registers registers) {
      return enter(EnterCall.eenter(loaded.tcs(thread), AEP), registers);
    }

    EnterOutcome eresume(int thread, Registers registers) {
      return enter(EnterCall.eresume(loaded.tcs(thread), AEP), registers);
    }

    byte[] bytes(long offset, int length) {
      return platform.last().enclave().asSlice(offset, length).toArray(JAVA_BYTE);
    }

    byte[] write() {
      return write(false);
    }

    byte[] write(boolean followed) {
      return written(out -> monitor.checkpoints().write(id, Channels.newChannel(out), followed, StateProgress.NONE));
    }

    byte[] writeChanges() {
      return written(out -> monitor.checkpoints().writeChanges(id, Channels.newChannel(out), StateProgress.NONE));
    }

    Living in(Monitor other, WatchedPlatform below, byte[]... streams) {
      RestoreOutcome outcome = restore(other, streams);
      assertThat(outcome).isInstanceOf(RestoreOutcome.Restored.class);
      var restored = (RestoreOutcome.Restored) outcome;
      assertThat(restored.base()).isEqualTo(loaded.base());
      return new Living(below, other, restored.id(), loaded);
    }
  }

  private interface Writing {
    void to(ByteArrayOutputStream out) throws IOException;
  }

  private static byte[] written(Writing writing) {
    var out = new ByteArrayOutputStream();
    try {
      writing.to(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  private static RestoreOutcome restore(Monitor monitor, byte[]... streams) {
    List<ReadableByteChannel> channels =
        Stream.of(streams).<ReadableByteChannel>map(s -> Channels.newChannel(new ByteArrayInputStream(s))).toList();
    try {
      return monitor.checkpoints()
          .restore(channels.getFirst(), channels.subList(1, channels.size()), StateProgress.NONE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Living living(Loaded loaded) {
    return new Living(platform(), monitor(), loaded.id(), loaded);
  }

  /**
   * Counts RDI rounds at [RSI], with a pattern in YMM0 that is stored at the end. The flags of SUB are needed behind
   * the next interrupt.
   */
  private static SampleEnclave.Builder counting() {
    return SampleEnclave.of(c -> {
      var loop = c.label();
      c.mov(R8, RCX).vload(0, DATA).bind(loop).lockInc(RSI, 0).sub(RDI, 1).jnz(loop);
      c.vstore(DATA + 64, 0).mov(RBX, R8).enclu(4);
    });
  }

  /** Rounds enough for some milliseconds. */
  protected long rounds() {
    return 60_000_000;
  }

  private static CompletableFuture<EnterOutcome> count(Living enclave, int thread, long rounds) {
    var registers = host();
    registers.rdi = rounds;
    registers.rsi = counter(enclave, thread);
    return start(() -> enclave.eenter(thread, registers));
  }

  /** A thread of a host that outlives its enclave's lives. */
  private static final class Guest {
    private final int thread;
    private final long rounds;
    private boolean resumes;
    private boolean over;
    private CompletableFuture<EnterOutcome> entry = new CompletableFuture<>();

    Guest(int thread, long rounds) {
      this.thread = thread;
      this.rounds = rounds;
    }

    /** Begins to count, or goes on with it. */
    void enter(Living enclave) {
      if (!over) {
        entry = resumes ? start(() -> enclave.eresume(thread, host())) : count(enclave, thread, rounds);
      }
    }

    /** Comes out of a stopped enclave, unless it was not inside yet, or no more. */
    void stopped() {
      if (!over) {
        EnterOutcome outcome = await(entry);
        assertThat(outcome).isInstanceOfAny(Interrupted.class, Exited.class, Refused.class);
        resumes |= outcome instanceof Interrupted;
        over = outcome instanceof Exited;
      }
    }

    void finish() {
      if (!over) {
        assertThat(await(entry)).isEqualTo(Exited.INSTANCE);
      }
    }
  }

  private static void sleep(long nanos) throws InterruptedException {
    TimeUnit.NANOSECONDS.sleep(nanos);
  }

  private static long counter(Living enclave, int thread) {
    return enclave.loaded.base() + DATA + 0x1000L * thread + 0x800;
  }

  private static long counted(Living enclave, int thread) {
    return (long) JAVA_LONG.varHandle()
        .getVolatile(enclave.platform.last().enclave(), DATA + 0x1000L * thread + 0x800);
  }

  @Test
  void threadsGoOnWhereTheyWereInWhateverMonitor() throws InterruptedException {
    int threads = 3;
    var seeded = Seeded.named("threadsGoOnWhereTheyWere");
    byte[] pattern = seeded.bytes(YMM);
    try (var otherPlatform = new WatchedPlatform(open());
        var other = new Monitor(otherPlatform, MonitorConfig.defaults())) {
      Living enclave = living(load(counting().threads(threads)));
      MemorySegment.copy(MemorySegment.ofArray(pattern), 0, memory(), DATA, YMM);
      var guests = new ArrayList<Guest>();
      for (int i = 0; i < threads; i++) {
        guests.add(new Guest(i, rounds()));
        guests.get(i).enter(enclave);
      }
      for (int life = 0; life < 6; life++) {
        sleep(seeded.below(3_000_000));
        enclave.monitor.checkpoints().stop(enclave.id);
        guests.forEach(Guest::stopped);
        byte[] state = enclave.write();
        long[] before = {counted(enclave, 0), counted(enclave, 1), counted(enclave, 2)};
        assertThat(enclave.monitor.remove(enclave.id).ok()).isTrue();
        boolean here = seeded.chance(0.5);
        Living next = enclave.in(here ? monitor() : other, here ? platform() : otherPlatform, state);
        assertThat(next.id.generation()).isEqualTo(enclave.id.generation() + 1);
        enclave = next;
        for (int i = 0; i < threads; i++) {
          assertThat(counted(enclave, i)).as("thread %d in life %d", i, life).isEqualTo(before[i]);
          guests.get(i).enter(enclave);
        }
      }
      guests.forEach(Guest::finish);
      for (int i = 0; i < threads; i++) {
        assertThat(counted(enclave, i)).isEqualTo(rounds());
      }
      assertThat(enclave.bytes(DATA + 64, YMM)).as("YMM0").isEqualTo(pattern);
    }
  }

  /** An exception, its handler interrupted: two frames of one thread are in use, with different extended states. */
  @Test
  void nestedFramesSurvive() throws InterruptedException {
    var enclave = living(load(SampleEnclave.of(c -> {
      var handler = c.label();
      var loop = c.label();
      c.cmp(RAX, 0).jnz(handler).mov(R8, RCX).vload(0, DATA).ud2();
      c.vstore(DATA + 64, 0).mov(RBX, R8).enclu(4);
      c.bind(handler).mov(R8, RCX).vload(0, DATA + 256).bind(loop).lockInc(RSI, 0).sub(RDI, 1).jnz(loop);
      c.vstore(DATA + 320, 0).load(RDX, SAVED_RIP).add(RDX, 2).store(SAVED_RIP, RDX).mov(RBX, R8).enclu(4);
    }).nssa(3)));
    var seeded = Seeded.named("nestedFramesSurvive");
    byte[] outer = seeded.bytes(YMM);
    byte[] inner = seeded.bytes(YMM);
    MemorySegment.copy(MemorySegment.ofArray(outer), 0, memory(), DATA, YMM);
    MemorySegment.copy(MemorySegment.ofArray(inner), 0, memory(), DATA + 256, YMM);
    assertThat(enclave.eenter(0, host())).isEqualTo(new Faulted(Vector.UD, 0, 0));
    var handler = new Guest(0, rounds() / 2);
    handler.enter(enclave);
    while (counted(enclave, 0) == 0) {
      Thread.onSpinWait();
    }
    for (int life = 0; life < 3; life++) {
      enclave.monitor.checkpoints().stop(enclave.id);
      handler.stopped();
      byte[] state = enclave.write();
      enclave.monitor.remove(enclave.id);
      enclave = enclave.in(monitor(), platform(), state);
      handler.enter(enclave);
      sleep(100_000 + seeded.below(500_000));
    }
    handler.finish();
    assertThat(enclave.eresume(0, host())).as("behind ud2").isEqualTo(Exited.INSTANCE);
    assertThat(counted(enclave, 0)).isEqualTo(rounds() / 2);
    assertThat(enclave.bytes(DATA + 64, YMM)).isEqualTo(outer);
    assertThat(enclave.bytes(DATA + 320, YMM)).isEqualTo(inner);
  }

  private static String reason(EnterOutcome outcome) {
    assertThat(outcome).isInstanceOf(Refused.class);
    assertThat(((Refused) outcome).fault().vector()).isEqualTo(Vector.GP);
    return ((Refused) outcome).fault().reason();
  }

  @Test
  void aStoppedEnclaveIsLeftInPeaceAndGoesOnInPlaceAsTheNextGeneration() {
    var enclave = living(load(counting()));
    var entry = count(enclave, 0, rounds());
    while (counted(enclave, 0) == 0) {
      Thread.onSpinWait();
    }
    EnclaveId id = enclave.id;
    var checkpoints = monitor().checkpoints();
    checkpoints.stop(id);
    assertThat(await(entry)).isEqualTo(Interrupted.INSTANCE);
    assertThat(monitor().state(id)).contains(EnclaveState.STOPPED);
    long standing = counted(enclave, 0);
    assertThat(enclave.eresume(0, host())).isInstanceOf(Refused.class);
    assertThat(device().protect(id, DATA, 0x1000, Permissions.R).reason()).contains("stopped");
    assertThatThrownBy(() -> checkpoints.stop(id)).isInstanceOf(IllegalStateException.class);
    byte[] state = enclave.write();
    assertThat(enclave.write()).as("writing changes nothing").isEqualTo(state);
    assertThat(counted(enclave, 0)).isEqualTo(standing);

    EnclaveId next = checkpoints.resume(id);
    assertThat(next).isEqualTo(new EnclaveId(id.instance(), id.generation() + 1));
    assertThat(reason(enclave.eresume(0, host()))).contains("asked for was " + id);
    assertThat(monitor().state(id)).isEmpty();
    assertThatThrownBy(() -> checkpoints.resume(next)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> checkpoints.write(next, Channels.newChannel(OutputStream.nullOutputStream()), false,
        StateProgress.NONE)).isInstanceOf(IllegalStateException.class);
    var again = new Living(platform(), monitor(), next, enclave.loaded);
    assertThat(again.eresume(0, host())).isEqualTo(Exited.INSTANCE);
    assertThat(counted(again, 0)).isEqualTo(rounds());

    monitor().remove(next);
    assertThat(restore(monitor(), state)).as("it has lived on since then")
        .isInstanceOfSatisfying(RestoreOutcome.Refused.class, r -> assertThat(r.reason()).contains("was here already"));
  }

  @Test
  void noStateLivesTwiceNorBesideItsOriginal() throws IOException {
    var enclave = living(load(counting()));
    monitor().checkpoints().stop(enclave.id);
    byte[] state = enclave.write();
    assertThat(restore(monitor(), state)).isInstanceOfSatisfying(
        RestoreOutcome.Refused.class, r -> assertThat(r.reason()).contains("still here"));
    monitor().remove(enclave.id);
    Living second = enclave.in(monitor(), platform(), state);
    assertThat(second.id).isEqualTo(new EnclaveId(enclave.id.instance(), 2));
    assertThat(restore(monitor(), state)).isInstanceOf(RestoreOutcome.Refused.class);
    monitor().remove(second.id);
    assertThat(restore(monitor(), state)).isInstanceOf(RestoreOutcome.Refused.class);
    assertThat(monitor().enclaves()).isZero();
    byte[] followed = (new String(state, ISO_8859_1) + "x").getBytes(ISO_8859_1);
    var channel = Channels.newChannel(new ByteArrayInputStream(followed));
    try (var below = new WatchedPlatform(open()); var other = new Monitor(below, MonitorConfig.defaults())) {
      assertThat(other.checkpoints().restore(channel, List.of(), StateProgress.NONE))
          .isInstanceOf(RestoreOutcome.Restored.class);
      assertThat(channel.read(java.nio.ByteBuffer.allocate(8))).as("what follows is not touched").isEqualTo(1);
    }
  }

  @Test
  void onlyInitialisedEnclavesAreStopped() {
    var checkpoints = monitor().checkpoints();
    var unfinished = counting().build().add(monitor());
    assertThatThrownBy(() -> checkpoints.stop(unfinished.id())).isInstanceOf(IllegalStateException.class);
    assertThat(monitor().state(unfinished.id())).contains(EnclaveState.CREATING);
    assertThatThrownBy(() -> checkpoints.stop(new EnclaveId(77, 1))).isInstanceOf(IllegalArgumentException.class);
    var dying = load(counting());
    checkpoints.stop(dying.id());
    kill(space());
    assertThatThrownBy(() -> checkpoints.resume(dying.id())).isInstanceOf(PlatformException.class);
    assertThat(monitor().state(dying.id())).contains(EnclaveState.DESTROYED);
    assertThatThrownBy(() -> checkpoints.stop(dying.id())).isInstanceOf(IllegalStateException.class);
    assertThat(monitor().remove(dying.id()).ok()).isTrue();
  }

  /** A thread that does nothing but leaves, of which each is finished before it comes out. */
  @Test
  void threadsInLeavesComeOut() {
    var loaded = load(SampleEnclave.of(c -> {
      var loop = c.label();
      c.bind(loop).lockInc(RSI, 0).mov(RBX, RDI).mov(RCX, RDI).mov(RDX, R8).enclu(0).jmp(loop);
    }));
    Living enclave = living(loaded);
    var registers = host();
    registers.rdi = loaded.base() + DATA + 0x1000; // TARGETINFO and REPORTDATA, all zero
    registers.r8 = loaded.base() + DATA + 0x2000;
    registers.rsi = counter(enclave, 0);
    var entry = start(() -> enclave.eenter(0, registers));
    Living now = enclave;
    for (int life = 0; life < 5; life++) {
      long before = counted(now, 0);
      while (counted(now, 0) < before + 50) {
        Thread.onSpinWait();
      }
      monitor().checkpoints().stop(now.id);
      assertThat(await(entry)).isEqualTo(Interrupted.INSTANCE);
      byte[] state = now.write();
      monitor().remove(now.id);
      Living next = now = now.in(monitor(), platform(), state);
      entry = start(() -> next.eresume(0, host()));
    }
    monitor().remove(now.id);
    await(entry);
  }

  /** The shared memory comes back where it was; what the host had mapped is as it was. */
  @Test
  void addressesAndMappingsStay() {
    var enclave = living(load(SampleEnclave.of(c -> c.store(RSI, 0, RDI).mov(RBX, RCX).enclu(4)).nssa(4)));
    device().protect(enclave.id, SampleEnclave.DATA + 0x1000, 0x1000, Permissions.R);
    UntrustedMemory before = monitor().untrusted(enclave.id);
    long base = before.base();
    monitor().checkpoints().stop(enclave.id);
    byte[] state = enclave.write();
    var secs = monitor().secs(enclave.id);
    monitor().remove(enclave.id);
    try (var below = new WatchedPlatform(open()); var other = new Monitor(below, MonitorConfig.defaults())) {
      Loaded neighbour = load(other, below, counting()); // numbers and places are taken when it comes
      Living next = enclave.in(other, below, state);
      assertThat(next.id.instance()).isNotEqualTo(neighbour.id().instance());
      assertThat(other.secs(next.id)).isEqualTo(secs);
      UntrustedMemory shared = other.untrusted(next.id);
      assertThat(shared.base()).isEqualTo(base);
      assertThat(shared.segment().byteSize()).isEqualTo(SampleEnclave.UNTRUSTED);
      var registers = host();
      registers.rdi = 4711;
      registers.rsi = base + 0x100;
      assertThat(next.eenter(0, registers)).isEqualTo(Exited.INSTANCE);
      assertThat(word(shared, 0x100)).isEqualTo(4711);
      registers = host();
      registers.rsi = next.loaded.base() + DATA + 0x1000;
      assertThat(next.eenter(0, registers)).isEqualTo(new Faulted(Vector.PF, 7, next.loaded.base() + DATA + 0x1000));
      registers = host();
      registers.rsi = next.loaded.base() + SampleEnclave.READ_ONLY;
      assertThat(next.eenter(0, registers))
          .isEqualTo(new Faulted(Vector.PF, 0x8007, next.loaded.base() + SampleEnclave.READ_ONLY));
    }
  }

  /** What changed since a stream, applied to it, is what a stream of everything would have been. */
  @Test
  void changesOnTopOfAnOlderStateAreTheNewState() throws InterruptedException {
    int threads = 2;
    var seeded = Seeded.named("changesOnTopOfAnOlderState");
    var enclave = living(load(counting().threads(threads).size(1 << 20)));
    var checkpoints = monitor().checkpoints();
    MemorySegment.copy(MemorySegment.ofArray(seeded.bytes(0x4000)), 0, memory(), DATA, 0x4000);
    var guests = List.of(new Guest(0, rounds()), new Guest(1, rounds()));
    for (Guest guest : guests) {
      guest.enter(enclave);
    }
    checkpoints.stop(enclave.id);
    var streams = new ArrayList<>(List.of(enclave.write(true)));
    for (int round = 0; round < 3; round++) {
      guests.forEach(Guest::stopped);
      var now = new Living(platform(), monitor(), checkpoints.resume(enclave.id), enclave.loaded);
      enclave = now;
      memory().asSlice(DATA + 0x2000 + 0x1000L * (round % 2), 0x1000).fill((byte) (round == 1 ? 0 : round + 1));
      guests.forEach(guest -> guest.enter(now));
      sleep(seeded.below(3_000_000));
      checkpoints.stop(now.id);
      streams.add(now.writeChanges());
    }
    byte[] whole = enclave.write();
    monitor().remove(enclave.id);
    try (var below = new WatchedPlatform(open()); var other = new Monitor(below, MonitorConfig.defaults())) {
      assertThat(restore(other, streams.get(0), streams.get(2))).isInstanceOf(RestoreOutcome.Refused.class);
      assertThat(restore(other, streams.get(1))).isInstanceOf(RestoreOutcome.Refused.class);
      assertThat(restore(other, streams.get(0), streams.get(0))).isInstanceOf(RestoreOutcome.Refused.class);
      assertThat(other.enclaves()).isZero();
      Living next = enclave.in(other, below, streams.toArray(byte[][]::new));
      assertThat(next.id.generation()).isEqualTo(5);
      other.checkpoints().stop(next.id);
      assertThat(StateView.of(next.write())).isEqualTo(StateView.of(whole));
    }
  }

  @Test
  void aLargeEnclaveCostsWhatItHolds() {
    var enclave = living(load(counting().size(1L << 28)));
    memory().set(JAVA_LONG, DATA + 8, 15);
    monitor().checkpoints().stop(enclave.id);
    byte[] state = enclave.write();
    assertThat(state.length).isLessThan(64 << 10);
    monitor().remove(enclave.id);
    Living next = enclave.in(monitor(), platform(), state);
    assertThat(monitor().residentBytes(next.id)).isLessThan(1 << 20);
    var registers = host();
    registers.rdi = 10;
    registers.rsi = counter(next, 0);
    assertThat(next.eenter(0, registers)).isEqualTo(Exited.INSTANCE);
    assertThat(counted(next, 0)).isEqualTo(10);
    assertThat(memory().get(JAVA_LONG, DATA + 8)).isEqualTo(15);
  }

  /** EGETKEY of a REPORT key, whose request is at a page of data and whose result goes to another. */
  private static SampleEnclave.Builder keyed() {
    return SampleEnclave.of(c -> c.mov(R8, RCX).mov(RBX, RDI).mov(RCX, RSI).enclu(1).mov(RBX, R8).enclu(4));
  }

  private static byte[] key(Living enclave) {
    enclave.platform.last().enclave().set(JAVA_LONG, DATA + 0x1000, 3); // KEYREQUEST.KEYNAME: REPORT_KEY
    var registers = host();
    registers.rdi = enclave.loaded.base() + DATA + 0x1000;
    registers.rsi = enclave.loaded.base() + DATA + 0x2000;
    assertThat(enclave.eenter(0, registers)).isEqualTo(Exited.INSTANCE);
    return enclave.bytes(DATA + 0x2000, 16);
  }

  /** What it sealed and what others report to it stays its own, where the root is the same. */
  @Test
  void keysAreThoseOfTheRoot() {
    try (var root = Key128.of(Seeded.named("keysAreThoseOfTheRoot").bytes(Key128.BYTES));
        var one = new WatchedPlatform(open());
        var first = new Monitor(one, MonitorConfig.defaults().withRoot(root));
        var two = new WatchedPlatform(open());
        var second = new Monitor(two, MonitorConfig.defaults().withRoot(root))) {
      Loaded loaded = load(first, one, keyed());
      var enclave = new Living(one, first, loaded.id(), loaded);
      byte[] key = key(enclave);
      assertThat(key).isNotEqualTo(new byte[16]);
      first.checkpoints().stop(enclave.id);
      byte[] state = enclave.write();
      first.remove(enclave.id);
      assertThat(key(enclave.in(second, two, state))).isEqualTo(key);
      assertThat(key(enclave.in(monitor(), platform(), state))).as("another root").isNotEqualTo(key);
    }
  }

  private static Loaded load(Monitor monitor, WatchedPlatform platform, SampleEnclave.Builder builder) {
    return builder.xfrm(platform.machine().xcr0()).build().load(monitor);
  }

  /** The EPC is smaller than the enclaves in it; what is evicted is part of the state all the same. */
  @Test
  void evictedPagesComeAlong() throws InterruptedException {
    int enclaves = 6;
    var seeded = Seeded.named("evictedPagesComeAlong");
    var limited = MonitorConfig.defaults().withEpc(EpcLimit.of(120));
    try (var one = new WatchedPlatform(open());
        var first = new Monitor(one, limited);
        var two = new WatchedPlatform(open());
        var second = new Monitor(two, limited)) {
      var living = new ArrayList<Living>();
      var content = new ArrayList<byte[]>();
      var guests = new ArrayList<Guest>();
      for (int i = 0; i < enclaves; i++) {
        Loaded loaded = load(first, one, counting().nssa(12));
        living.add(new Living(one, first, loaded.id(), loaded));
        content.add(seeded.bytes(YMM));
        MemorySegment.copy(MemorySegment.ofArray(content.get(i)), 0, one.last().enclave(), DATA, YMM);
        guests.add(new Guest(0, rounds() / 10));
        guests.get(i).enter(living.get(i));
      }
      for (int life = 0; life < 2; life++) {
        for (int i = 0; i < enclaves; i++) {
          sleep(seeded.below(1_000_000));
          Living enclave = living.get(i);
          enclave.monitor.checkpoints().stop(enclave.id);
          guests.get(i).stopped();
          byte[] state = enclave.write();
          var view = StateView.of(state);
          assertThat(view.entries()).as("all pages, wherever they are").hasSize(4 + 4 + 1 + 13);
          assertThat(view.threads()).hasSize(1);
          enclave.monitor.remove(enclave.id);
          living.set(i, enclave.in(life == 0 ? second : first, life == 0 ? two : one, state));
          guests.get(i).enter(living.get(i));
        }
      }
      guests.forEach(Guest::finish);
      for (int i = 0; i < enclaves; i++) {
        Living enclave = living.get(i);
        enclave.monitor.checkpoints().stop(enclave.id);
        var view = StateView.of(enclave.write());
        String data = view.content().get(DATA / 4096);
        assertThat(data).startsWith(HexFormat.of().formatHex(content.get(i)));
        assertThat(data.substring(128)).startsWith(HexFormat.of().formatHex(content.get(i)));
        var count = MemorySegment.ofArray(HexFormat.of().parseHex(data.substring(0x1000, 0x1010)));
        assertThat(count.get(JAVA_LONG.withByteAlignment(1), 0)).isEqualTo(rounds() / 10);
      }
      assertThat(first.epcPages()).isLessThanOrEqualTo(120);
    }
  }

  /** What was restricted and changed, and waits for the enclave's consent, is accepted in the next life. */
  @Test
  void entriesThatWaitForAcceptanceWaitOn() {
    int eaccept = 5;
    var enclave = living(load(SampleEnclave.of(c ->
        c.mov(R8, RCX).mov(RBX, RDI).mov(RCX, RSI).enclu(eaccept).mov(RDX, RAX).mov(RBX, R8).enclu(4)).nssa(3)));
    RangeOutcome restricted = device().restrictPermissions(enclave.id, DATA + 0x2000, 0x1000, Permissions.R);
    assertThat(restricted.ok()).as(restricted.toString()).isTrue();
    RangeOutcome trimmed = device().modifyTypes(enclave.id, DATA + 0x3000, 0x1000, PageType.TRIM);
    assertThat(trimmed.ok()).as(trimmed.toString()).isTrue();
    monitor().checkpoints().stop(enclave.id);
    byte[] state = enclave.write();
    var view = StateView.of(state);
    assertThat(view.epoch()).isGreaterThan(1);
    monitor().remove(enclave.id);
    try (var below = new WatchedPlatform(open()); var other = new Monitor(below, MonitorConfig.defaults())) {
      Living next = enclave.in(other, below, state);
      other.checkpoints().stop(next.id);
      assertThat(StateView.of(next.write())).isEqualTo(view);
      next = new Living(below, other, other.checkpoints().resume(next.id), enclave.loaded);
      // SECINFO.FLAGS: R, PR, PT_REG; MODIFIED, PT_TRIM
      assertThat(accept(next, DATA + 0x2000, 1 | 1 << 5 | 2 << 8)).isZero();
      assertThat(accept(next, DATA + 0x3000, 1 << 4 | 4 << 8)).isZero();
      assertThat(other.removePages(next.id, DATA + 0x3000, 0x1000).ok()).isTrue();
    }
  }

  private static long accept(Living enclave, long page, long flags) {
    enclave.platform.last().enclave().set(JAVA_LONG, DATA + 0x1000, flags);
    var registers = host();
    registers.rdi = enclave.loaded.base() + DATA + 0x1000;
    registers.rsi = enclave.loaded.base() + page;
    assertThat(enclave.eenter(0, registers)).isEqualTo(Exited.INSTANCE);
    return registers.rdx;
  }

  /** Among threads that come and go, every stop finds all outside, and no generation lets in those of another. */
  @Test
  void stopsAmongEntriesLoseNothing() throws InterruptedException {
    int threads = 2;
    var seeded = Seeded.named("stopsAmongEntries");
    var loaded = load(counting().threads(threads));
    var current = new AtomicReference<>(living(loaded));
    var goOn = new AtomicBoolean(true);
    var done = new AtomicLong();
    var hosts = new ArrayList<CompletableFuture<Void>>();
    for (int i = 0; i < threads; i++) {
      int thread = i;
      hosts.add(CompletableFuture.runAsync(() -> {
        boolean resume = false;
        while (goOn.get() || resume) {
          Living now = current.get();
          var registers = host();
          registers.rdi = 100;
          registers.rsi = counter(now, thread);
          switch (resume ? now.eresume(thread, registers) : now.eenter(thread, registers)) {
            case Exited _ -> {
              resume = false;
              done.addAndGet(100);
            }
            case Interrupted _ -> resume = true;
            case Refused _ -> Thread.onSpinWait();
            case Faulted faulted -> throw new AssertionError(faulted.toString());
            case EnterOutcome.Dead dead -> throw new AssertionError(dead.reason());
          }
        }
      }, task -> Thread.ofPlatform().daemon().start(task)));
    }
    for (int life = 1; life <= 40; life++) {
      sleep(seeded.below(500_000));
      Living now = current.get();
      now.monitor.checkpoints().stop(now.id);
      assertThat(now.id.generation()).isEqualTo(life);
      current.set(new Living(now.platform, now.monitor, now.monitor.checkpoints().resume(now.id), loaded));
    }
    goOn.set(false);
    hosts.forEach(host -> host.orTimeout(30, TimeUnit.SECONDS).join());
    assertThat(counted(current.get(), 0) + counted(current.get(), 1)).isEqualTo(done.get()).isPositive();
  }

  /** Whoever ends an enclave while it is being stopped ends it; nobody waits for ever. */
  @Test
  void stopAndRemovalRace() {
    for (int i = 0; i < 10; i++) {
      var enclave = living(load(counting()));
      var entry = count(enclave, 0, Long.MAX_VALUE / 2);
      var stop = CompletableFuture.runAsync(() -> {
        try {
          monitor().checkpoints().stop(enclave.id);
        } catch (IllegalStateException | IllegalArgumentException | PlatformException e) {
          assertThat(e).hasMessageContaining("nclave");
        }
      }, task -> Thread.ofPlatform().daemon().start(task));
      assertThat(monitor().remove(enclave.id).ok()).isTrue();
      stop.orTimeout(30, TimeUnit.SECONDS).join();
      assertThat(await(entry)).isInstanceOfAny(Interrupted.class, Refused.class, EnterOutcome.Dead.class);
    }
    assertThat(monitor().enclaves()).isZero();
  }

  /**
   * A debugger steps a thread through a program with a loop, vector registers and flags; after every single instruction
   * the enclave ends and goes on in another monitor.
   */
  @Test
  void atEveryInstruction() {
    int times = 3;
    byte[] pattern = Seeded.named("atEveryInstruction").bytes(YMM);
    var builder = SampleEnclave.of(c -> {
      var loop = c.label();
      c.mov(R8, RCX).vload(0, DATA).mov(RDI, times).bind(loop).lockInc(RSI, 0).vstore(DATA + 64, 0).sub(RDI, 1);
      c.jnz(loop).vload(1, DATA + 64).vstore(DATA + 128, 1).mov(RBX, R8).enclu(4);
    }).attributes(Attributes.DEBUG);
    try (var two = new WatchedPlatform(open()); var second = new Monitor(two, MonitorConfig.defaults())) {
      Living enclave = living(load(builder));
      MemorySegment.copy(MemorySegment.ofArray(pattern), 0, memory(), DATA, YMM);
      MemorySegment optIn = MemorySegment.ofArray(new long[] {Tcs.DBGOPTIN});
      assertThat(device().debugWrite(enclave.id, enclave.loaded.tcs(0) + Tcs.FLAGS_OFFSET, optIn).ok()).isTrue();
      var registers = host();
      registers.rflags |= 1 << 8; // TF
      registers.rsi = counter(enclave, 0);
      EnterOutcome outcome = enclave.eenter(0, registers);
      int steps = 0;
      while (outcome instanceof Faulted faulted) {
        assertThat(faulted.vector()).as("step %d", steps).isEqualTo(Vector.DB);
        enclave.monitor.checkpoints().stop(enclave.id);
        byte[] state = enclave.write();
        enclave.monitor.remove(enclave.id);
        enclave = steps % 2 == 0 ? enclave.in(second, two, state) : enclave.in(monitor(), platform(), state);
        registers = host();
        registers.rflags |= 1 << 8;
        outcome = enclave.eresume(0, registers);
        steps++;
      }
      assertThat(outcome).isEqualTo(Exited.INSTANCE);
      assertThat(steps).isBetween(3 + 4 * times + 2, 3 + 4 * times + 5);
      assertThat(counted(enclave, 0)).isEqualTo(times);
      assertThat(enclave.bytes(DATA + 64, YMM)).isEqualTo(pattern);
      assertThat(enclave.bytes(DATA + 128, YMM)).isEqualTo(pattern);
    }
  }
}
