package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.enclavisor.app.RemoteDebugger.RIP;
import static org.enclavisor.app.RemoteDebugger.RSI;
import static org.enclavisor.app.RemoteDebugger.thread;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.enclavisor.host.EnclaveLostException;
import org.enclavisor.host.Enclavisor;
import org.enclavisor.host.HostConfig;
import org.enclavisor.host.Isolation;
import org.enclavisor.host.OcallHandler;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.host.debug.DebugServer;
import org.enclavisor.host.debug.DebuggedDevice;
import org.enclavisor.host.debug.ProgramFile;
import org.enclavisor.image.PageRun;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.EpcLimit;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.Outcome;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a debugger can do to an enclave, told to it packet by packet. */
@Timeout(120)
class DebuggerTest {
  private static final long FUNCTION = 400;

  private static Object result(CompletableFuture<Object> call)
      throws ExecutionException, InterruptedException, TimeoutException {
    return call.get(30, TimeUnit.SECONDS);
  }

  /** Begins a call that waits for the debugger, and answers where it then stands. */
  private static String begin(DebugScene scene, RemoteDebugger debugger) {
    String reply = debugger.ask("?");
    assertThat(reply).startsWith("T05");
    assertThat(debugger.register(thread(reply), RIP)).isEqualTo(scene.symbol("enclave_entry"));
    return reply;
  }

  @ParameterizedTest
  @EnumSource
  void breakpointsRegistersAndMemory(Way way) throws Exception {
    try (var scene = new DebugScene(way, "debugme")) {
      scene.device.holdUntilAttached();
      CompletableFuture<Object> harvest = scene.call("harvest", 2);
      try (RemoteDebugger debugger = scene.debugger()) {
        begin(scene, debugger);
        long fill = scene.symbol("fill");
        byte original = scene.codeAt(fill);
        debugger.tell("Z0,%x,1".formatted(fill));
        assertThat(scene.codeAt(fill)).isEqualTo((byte) 0xCC);
        assertThat(debugger.ask("m%x,1".formatted(fill))).as("the debugger sees none of it")
            .isEqualTo("%02x".formatted(original));

        String reply = debugger.ask("vCont;c");
        assertThat(reply).startsWith("T05").contains("swbreak");
        int thread = thread(reply);
        assertThat(debugger.register(thread, RIP)).isEqualTo(fill);
        assertThat(debugger.register(thread, RSI)).as("the second argument").isEqualTo(10);
        debugger.register(thread, RSI, 1000);

        // Over the breakpoint, as a debugger does it.
        debugger.tell("z0,%x,1".formatted(fill));
        assertThat(debugger.ask("vCont;s:%x".formatted(thread))).startsWith("T05");
        assertThat(debugger.register(thread, RIP) - fill).isBetween(1L, 15L);
        debugger.tell("Z0,%x,1".formatted(fill));

        assertThat(thread(debugger.ask("vCont;c"))).isEqualTo(thread);
        assertThat(debugger.register(thread, RIP)).isEqualTo(fill);
        assertThat(debugger.read(scene.symbol("store")) & 0xFFFF_FFFFL).isEqualTo(1000);
        debugger.write(scene.symbol("store"), 5000);
        debugger.tell("z0,%x,1".formatted(fill));
        assertThat(scene.codeAt(fill)).isEqualTo(original);
        debugger.send("vCont;c");
        assertThat(result(harvest)).isEqualTo(5020);
        scene.server.finished(7);
        assertThat(debugger.receive()).isEqualTo("W07");
      }
    }
  }

  /** Every instruction of a call, over its OCALLs and back in. */
  @ParameterizedTest
  @EnumSource(names = {"STUB", "STUB_STRICT", "PTRACE"})
  void oneStepAfterTheOther(Way way) throws Exception {
    try (var scene = new DebugScene(way, "debugme")) {
      long base = scene.monitor.secs(scene.enclave.id()).baseAddr();
      long size = scene.monitor.secs(scene.enclave.id()).size();
      assertThat(scene.enclave.call("harvest", 1).value()).as("its ENCLU sites have been met").isEqualTo(10);
      scene.device.holdUntilAttached();
      CompletableFuture<Object> harvest = scene.call("harvest", 1);
      int steps = 0;
      int inFill = 0;
      try (RemoteDebugger debugger = scene.debugger()) {
        int thread = thread(begin(scene, debugger));
        long fill = scene.symbol("fill");
        debugger.tell("QStartNoAckMode");
        debugger.tell("Hg" + Integer.toHexString(thread));
        debugger.send("vCont;s:%x".formatted(thread));
        while (true) {
          if (harvest.isDone()) {
            break;
          }
          if (!debugger.repliedWithin(50)) {
            continue;
          }
          assertThat(debugger.receive()).startsWith("T05");
          long rip = debugger.register(RIP);
          assertThat(rip - base).isBetween(0L, size);
          steps++;
          inFill += rip >= fill && rip < fill + FUNCTION ? 1 : 0;
          debugger.send("vCont;s:%x".formatted(thread));
        }
      }
      assertThat(result(harvest)).isEqualTo(10);
      assertThat(steps).isGreaterThan(300);
      assertThat(inFill).isGreaterThan(10);
      assertThat(scene.enclave.call("harvest", 2).value()).as("as before").isEqualTo(30);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"STUB", "PTRACE"})
  void allStopTogetherAndOneGoesAlone(Way way) throws Exception {
    try (var scene = new DebugScene(way, "debugme")) {
      CompletableFuture<Object> waiting = scene.call("wait_for_release");
      Thread.sleep(200);
      try (RemoteDebugger debugger = scene.debugger()) {
        long wait = scene.symbol("wait_for_release");
        String first = debugger.ask("?");
        int waiter = thread(first);
        assertThat(debugger.register(waiter, RIP) - wait).isBetween(0L, FUNCTION);

        long fill = scene.symbol("fill");
        debugger.tell("Z0,%x,1".formatted(fill));
        debugger.send("vCont;c");
        CompletableFuture<Object> harvest = scene.call("harvest", 1);
        int other = thread(debugger.receive());
        assertThat(other).isNotEqualTo(waiter);
        assertThat(debugger.ask("qfThreadInfo"))
            .isEqualTo("m%x,%x".formatted(Math.min(waiter, other), Math.max(waiter, other)));
        long before = debugger.register(waiter, RIP);
        assertThat(before - wait).isBetween(0L, FUNCTION);

        debugger.tell("z0,%x,1".formatted(fill));
        for (int i = 0; i < 20; i++) {
          assertThat(thread(debugger.ask("vCont;s:%x".formatted(other)))).isEqualTo(other);
        }
        assertThat(debugger.register(waiter, RIP)).as("has stood still").isEqualTo(before);
        assertThat(debugger.register(other, RIP)).isNotEqualTo(fill);

        debugger.send("vCont;c:%x".formatted(other));
        assertThat(result(harvest)).isEqualTo(10);
        assertThat(waiting).isNotDone();
        debugger.interrupt();
        assertThat(debugger.receive()).startsWith("T02");
        debugger.write(scene.symbol("released"), 1);
        debugger.send("vCont;c");
        assertThat((Long) result(waiting)).isPositive();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"STUB", "PTRACE"})
  void controlCStopsAThreadThatRuns(Way way) throws Exception {
    try (var scene = new DebugScene(way, "debugme")) {
      scene.device.holdUntilAttached();
      CompletableFuture<Object> waiting = scene.call("wait_for_release");
      try (RemoteDebugger debugger = scene.debugger()) {
        begin(scene, debugger);
        for (int i = 0; i < 20; i++) {
          debugger.send("vCont;c");
          Thread.sleep(i);
          debugger.interrupt();
          String reply = debugger.receive();
          assertThat(reply).startsWith("T02");
          assertThat(debugger.register(thread(reply), RIP)).isNotZero();
        }
        debugger.write(scene.symbol("released"), 1);
        debugger.send("vCont;c");
        assertThat((Long) result(waiting)).isPositive();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"STUB", "PTRACE"})
  void faultsGoToTheEnclavesHandlerAsWithoutADebugger(Way way) throws Exception {
    try (var scene = new DebugScene(way, "exceptions")) {
      assertThat(scene.enclave.call("handle", 1).value()).isEqualTo(0);
      scene.device.holdUntilAttached();
      CompletableFuture<Object> divide = scene.call("divide", 1, 0);
      try (RemoteDebugger debugger = scene.debugger()) {
        begin(scene, debugger);
        assertThat(debugger.ask("vCont;c")).as("SIGFPE").startsWith("T08");
        assertThat(debugger.ask("vCont;c")).as("not passed on: it happens again").startsWith("T08");
        debugger.send("vCont;C08");
        assertThat(result(divide)).isEqualTo(-1);

        for (int[] each : new int[][] {{0, 6, 4}, {1, 3, 5}, {2, 13, 11}, {3, 14, 11}, {5, 19, 8}, {6, 16, 8}}) {
          CompletableFuture<Object> fail = scene.call("fail", each[0]);
          String reply = debugger.receive();
          assertThat(reply).as("exception %d", each[1]).startsWith("T%02x".formatted(each[2]));
          assertThat(reply).doesNotContain("swbreak");
          debugger.send("vCont;C%02x".formatted(each[2]));
          assertThat(result(fail)).isEqualTo(each[1]);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"STUB", "PTRACE"})
  void whoLeavesLeavesNothingBehind(Way way) throws Exception {
    try (var scene = new DebugScene(way, "debugme")) {
      long fill = scene.symbol("fill");
      byte original = scene.codeAt(fill);
      for (boolean politely : new boolean[] {true, false}) {
        scene.device.holdUntilAttached();
        CompletableFuture<Object> harvest = scene.call("harvest", 3);
        try (RemoteDebugger debugger = scene.debugger()) {
          begin(scene, debugger);
          debugger.tell("Z0,%x,1".formatted(fill));
          assertThat(debugger.ask("vCont;c")).contains("swbreak");
          if (politely) {
            debugger.tell("D");
          }
        }
        assertThat(result(harvest)).isEqualTo(30);
        assertThat(scene.codeAt(fill)).isEqualTo(original);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"STUB", "PTRACE"})
  void whatIsEvictedIsBroughtBackForTheDebugger(Way way) throws Exception {
    int budget = 50;
    try (var scene = new DebugScene(way, "debugme", MonitorConfig.defaults().withEpc(EpcLimit.of(budget)))) {
      scene.device.holdUntilAttached();
      CompletableFuture<Object> harvest = scene.call("harvest", 3);
      try (RemoteDebugger debugger = scene.debugger()) {
        begin(scene, debugger);
        long base = scene.monitor.secs(scene.enclave.id()).baseAddr();
        int pages = 0;
        for (int round = 0; round < 2; round++) {
          pages = 0;
          for (PageRun run : scene.enclave.image().pages()) {
            for (long at = 0; at < run.length() && run.secinfo().type() == PageType.REG; at += PageRun.PAGE) {
              debugger.read(base + run.offset() + at);
              pages++;
            }
          }
        }
        assertThat(pages).as("more than there is room for").isGreaterThan(budget);
        long fill = scene.symbol("fill");
        debugger.tell("Z0,%x,1".formatted(fill));
        for (int day = 1; day <= 3; day++) {
          assertThat(debugger.ask("vCont;c")).contains("swbreak");
          debugger.tell("z0,%x,1".formatted(fill));
          assertThat(debugger.ask("vCont;s:%x".formatted(thread(debugger.ask("?"))))).startsWith("T05");
          debugger.tell("Z0,%x,1".formatted(fill));
        }
        debugger.tell("D");
      }
      assertThat(result(harvest)).isEqualTo(30);
    }
  }

  @Test
  void aThreadThatIsOutsideStopsWhenItComesBack() throws Exception {
    try (var scene = new DebugScene(Way.STUB, "debugme")) {
      var outside = new CountDownLatch(1);
      var goOn = new Semaphore(0);
      scene.enclave.serve(
          (OcallHandler)
              (_, _) -> {
                outside.countDown();
                goOn.acquireUninterruptibly();
                return null;
              });
      CompletableFuture<Object> harvest = scene.call("harvest", 1);
      outside.await();
      try (RemoteDebugger debugger = scene.debugger()) {
        String reply = debugger.ask("?");
        assertThat(reply).as("said at last, though nobody is inside").startsWith("T02");
        assertThat(HexFormat.of().parseHex(debugger.ask("qThreadExtraInfo,%x".formatted(thread(reply))))).asString()
            .endsWith("outside");
        assertThat(debugger.ask("g")).as("what the host has").hasSizeGreaterThan(100);
        assertThat(debugger.ask("P10=0000000000000000")).as("that is not the debugger's to change").isEqualTo("E01");
        debugger.send("vCont;s:%x".formatted(thread(reply)));
        goOn.release();
        assertThat(debugger.receive()).startsWith("T05");
        assertThat(debugger.register(thread(reply), RIP)).isEqualTo(scene.symbol("enclave_entry"));
        debugger.tell("D");
      }
      assertThat(result(harvest)).isEqualTo(10);
    }
  }

  @Test
  void aKillEndsTheEnclave() {
    try (var scene = new DebugScene(Way.STUB, "debugme")) {
      scene.device.holdUntilAttached();
      CompletableFuture<Object> harvest = scene.call("harvest", 3);
      CompletableFuture<Object> waiting = scene.call("wait_for_release");
      try (RemoteDebugger debugger = scene.debugger()) {
        debugger.ask("?");
        debugger.tell("vKill;1");
        assertThat(debugger.hungUp()).isTrue();
      }
      assertThatThrownBy(() -> result(harvest)).hasRootCauseInstanceOf(EnclaveLostException.class)
          .hasMessageContaining("ended by the debugger");
      assertThatThrownBy(() -> result(waiting)).hasRootCauseInstanceOf(EnclaveLostException.class);
    }
  }

  @Test
  void oneDebuggerAtATimeAndStrangersDoNoHarm() throws Exception {
    try (var scene = new DebugScene(Way.STUB, "debugme")) {
      for (String noise : List.of("", "GET / HTTP/1.1\r\n\r\n", "$", "$g#00", "\u0003\u0003+-+-", "$vCont;c#a8")) {
        try (RemoteDebugger stranger = scene.debugger()) {
          stranger.raw(noise);
        }
      }
      scene.device.holdUntilAttached();
      CompletableFuture<Object> harvest = scene.call("harvest", 3);
      RemoteDebugger first = firstThatIsLetIn(scene);
      try (RemoteDebugger second = scene.debugger()) {
        assertThat(second.hungUp()).as("the first is there still").isTrue();
      }
      first.tell("D");
      first.close();
      assertThat(result(harvest)).isEqualTo(30);
    }
  }

  /** Those before may not have been noticed to be gone. */
  private static RemoteDebugger firstThatIsLetIn(DebugScene scene) {
    while (true) {
      RemoteDebugger debugger = scene.debugger();
      debugger.send("?");
      String reply = debugger.receiveOrEnd();
      if (reply.startsWith("T")) {
        return debugger;
      }
      debugger.close();
    }
  }

  @Test
  void anEnclaveForProductionIsClosedToDebuggers() {
    try (var hosting = Hosting.on(Way.STUB);
        var enclave = hosting.load("hello", HostConfig.defaults())) {
      long base = hosting.monitor().secs(enclave.id()).baseAddr();
      var into = MemorySegment.ofArray(new byte[8]);
      assertThat(hosting.monitor().debugRead(enclave.id(), base, into))
          .isInstanceOfSatisfying(Outcome.Fault.class, fault -> assertThat(fault.vector()).isEqualTo(Vector.GP));
      assertThat(hosting.monitor().debugWrite(enclave.id(), base, into)).isInstanceOf(Outcome.Fault.class);
      assertThat(into.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
    }
    try (var platform = Way.STUB.open();
        var device =
            new DebuggedDevice(new Monitor(platform, MonitorConfig.defaults()), platform.machine());
        var enclavisor = Enclavisor.over(device, platform.machine(), Isolation.NONE);
        var enclave = enclavisor.load(Hosting.image("kernels"), Hosting.edl("kernels"))) {
      var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
      assertThatThrownBy(() -> DebugServer.listen(device, address, new ProgramFile(Optional.empty(), 0)))
          .isInstanceOf(WrongUseException.class)
          .hasMessageContaining("ATTRIBUTES.DEBUG");
      assertThat(enclave.image().name()).startsWith("kernels");
    }
  }
}
