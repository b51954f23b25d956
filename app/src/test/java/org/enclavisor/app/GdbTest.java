package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code enclavisor debug} with the GDB of the machine, where there is one. */
@Timeout(120)
class GdbTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final String FILE = "examples/debugme/debugme.signed.so";

  @TempDir private Path folder;

  @BeforeAll
  static void thereIsAGdb() {
    boolean there;
    try {
      var version = new ProcessBuilder("gdb", "--version").redirectOutput(ProcessBuilder.Redirect.DISCARD);
      there = version.start().waitFor() == 0;
    } catch (IOException | InterruptedException e) {
      there = false;
    }
    if (!there) {
      System.out.println("GdbTest is skipped: this machine has no gdb (Debian: apt-get install gdb)");
    }
    assumeTrue(there, "no gdb on this machine");
  }

  /** What gdb said, and what the command did. */
  private record Both(String gdb, CommandLineRun command) {}

  /** Runs the command on a sample and gdb on it, with these commands after it has connected. */
  private Both debug(List<String> arguments, String file, String... commands) throws Exception {
    Path socket = folder.resolve("gdb.sock");
    List<String> command = new ArrayList<>(List.of("debug"));
    command.addAll(arguments);
    command.addAll(List.of("--unix", socket.toString()));
    CompletableFuture<CommandLineRun> run = CompletableFuture.supplyAsync(() -> CommandLineRun.of(command));
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!Files.exists(socket) && !run.isDone() && System.nanoTime() < deadline) {
      Thread.sleep(10);
    }
    List<String> gdb =
        new ArrayList<>(List.of("gdb", "-nx", "-batch", "-ex", "set pagination off", "-ex", "target remote " + socket));
    for (String each : commands) {
      gdb.addAll(List.of("-ex", each));
    }
    if (!file.isEmpty()) {
      gdb.add(file);
    }
    Process process = new ProcessBuilder(gdb).directory(ROOT.toFile()).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes());
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    return new Both(said, run.get(30, TimeUnit.SECONDS));
  }

  @ParameterizedTest
  @EnumSource
  void stopsAtALineShowsALocalStepsAndGoesOn(Way way) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("../examples/debugme"));
    arguments.addAll(List.of(way.options()));
    Both both =
        debug(
            arguments, FILE, "break debugme.c:25", "continue", "backtrace", "print apples", "print day", "step",
            "print *basket", "next", "next", "finish", "delete", "print store", "print picked_on(5)",
            "printf \"%f\\n\", store.kilograms", "info threads", "continue");
    assertThat(both.gdb())
        .as(both.toString())
        .contains("Breakpoint 1, harvest (days=4) at ./examples/debugme/debugme.c:25")
        .contains("25\t    fill(&store, apples);")
        .containsPattern("#1 .* harvest_bridge \\(.*\\) at ./examples/debugme/edge.c:6")
        .containsPattern("#\\d+ .* enclave_entry \\(\\) at ./sdk/src/entry.S")
        .contains("$1 = 10", "$2 = 1")
        .containsPattern("fill \\(basket=0x[0-9a-f]+ <store>, apples=10\\) at ./examples/debugme/debugme.c:17")
        .contains("$3 = {apples = 0, kilograms = 0}")
        .contains("18\t  basket->kilograms += 0.2 * apples;")
        .contains("harvest (days=4) at ./examples/debugme/debugme.c:26")
        .contains("$4 = {apples = 10, kilograms = 2}")
        .contains("$5 = 50")
        .contains("2.000000")
        .contains("(inside, CSSA 1)")
        .contains("exited normally");
    assertThat(both.command().status()).as(both.toString()).isEqualTo(ExitCode.OK);
    assertThat(both.command().out())
        .contains("gdb -ex 'target remote " + folder.resolve("gdb.sock") + "' ../" + FILE)
        .contains("-> 70");
    assertThat(folder).isEmptyDirectory();
  }

  @ParameterizedTest
  @EnumSource(names = {"STUB", "PTRACE"})
  void aFaultStopsAtItsLineAndCanBeRepaired(Way way) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("../examples/debugme", "share", "12", "0"));
    arguments.addAll(List.of(way.options()));
    Both both = debug(arguments, "", "continue", "info args", "set var people = 4", "signal 0");
    assertThat(both.gdb())
        .as("without a file, GDB asks for it\n" + both)
        .contains("Program received signal SIGFPE", "share (apples=12, people=0) at ./examples/debugme/debugme.c:32")
        .contains("people = 0")
        .contains("exited normally");
    assertThat(both.command().out()).contains("-> 3 ");
  }

  @Test
  void aFaultThatNobodyHandlesEndsTheCallAsWithoutADebugger() throws Exception {
    // The enclave's handlers are asked, none of them helps, and the instruction fails for good.
    Both both = debug(List.of("../examples/debugme", "share", "12", "0"), FILE, "continue", "continue", "continue");
    assertThat(both.gdb().split("received signal SIGFPE", -1)).as(both.toString()).hasSize(3);
    assertThat(both.gdb()).contains("exited with code 01");
    assertThat(both.command().status()).isEqualTo(ExitCode.NO);
    assertThat(both.command().err()).contains("last exception in the enclave on this thread was #DE");
  }

  @ParameterizedTest
  @EnumSource(names = {"STUB", "PTRACE"})
  void aVariableCanBeWatched(Way way) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("../examples/debugme"));
    arguments.addAll(List.of(way.options()));
    Both both =
        debug(
            arguments, FILE, "break harvest", "continue", "watch store.apples", "continue", "continue",
            "info breakpoints", "delete", "continue");
    assertThat(both.gdb())
        .as(both.toString())
        .containsPattern("Old value = 0\\s+New value = 10")
        .containsPattern("Old value = 10\\s+New value = 30")
        .contains("breakpoint already hit 2 times", "exited normally");
    assertThat(both.command().out()).contains("-> 70");
  }

  @ParameterizedTest
  @EnumSource(names = {"STUB", "PTRACE"})
  void anEnclaveThatRunsCanBeLookedAt(Way way) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("../examples/debugme", "wait_for_release", "--no-wait"));
    arguments.addAll(List.of(way.options()));
    Both both =
        debug(
            arguments, FILE, "frame", "info registers mxcsr fs_base", "set var released = 1",
            "print $xmm5.v2_int64[0] = 7", "flushregs", "print $xmm5.v2_int64[0] + 1", "continue");
    assertThat(both.gdb())
        .as(both.toString())
        .contains("wait_for_release () at ./examples/debugme/debugme.c:")
        .containsPattern("mxcsr +0x1f80")
        .containsPattern("fs_base +0x[1-9a-f]")
        .contains("$1 = 7", "$2 = 8")
        .contains("exited normally");
    assertThat(both.command().status()).isEqualTo(ExitCode.OK);
  }

  @Test
  void theStartCodeCanBeSteppedThrough() throws Exception {
    Both both =
        debug(
            List.of("../examples/debugme", "--from-start"), FILE, "break init_enclave", "continue", "bt 2",
            "info locals", "delete", "detach");
    assertThat(both.gdb()).as(both.toString()).contains("init_enclave", "./sdk/src/start.c", "detached");
    assertThat(both.command().status()).isEqualTo(ExitCode.OK);
  }

  @Test
  void aKillIsALostEnclave() throws Exception {
    Both both = debug(List.of("../examples/debugme"), FILE, "break fill", "continue", "kill");
    assertThat(both.gdb()).as(both.toString()).contains("killed");
    assertThat(both.command().status()).isEqualTo(ExitCode.LOST);
    assertThat(both.command().err()).contains("ended by the debugger");
  }

  @Test
  void anEnclaveForProductionIsRefused() throws IOException {
    Path config = folder.resolve("production.xml");
    String debuggable = Files.readString(ROOT.resolve("examples/debugme/enclave.xml"));
    Files.writeString(config, debuggable.replace("<DisableDebug>0<", "<DisableDebug>1<"));
    Path image = folder.resolve("debugme.signed.so");
    CommandLineRun signed =
        CommandLineRun.of("sign", "--resign", "--key", "../sdk/keys/sample-key.pem", "--config", config.toString(),
            "--out", image.toString(), "../" + FILE);
    assertThat(signed.status()).as(signed.toString()).isEqualTo(ExitCode.OK);

    List<String> call = List.of(image.toString(), "--edl", "../examples/debugme/debugme.edl", "harvest", "1");
    List<String> run = new ArrayList<>(List.of("run"));
    run.addAll(call);
    assertThat(CommandLineRun.of(run).status()).as("it is a good enclave").isEqualTo(ExitCode.OK);

    List<String> debug = new ArrayList<>(List.of("debug"));
    debug.addAll(call);
    CommandLineRun refused = CommandLineRun.of(debug);
    assertThat(refused.status()).as(refused.toString()).isEqualTo(ExitCode.REFUSED);
    assertThat(refused.err())
        .contains("signed for production", "next: Sign it for debugging, with <DisableDebug>0</DisableDebug>");
    assertThat(refused.out()).doesNotContain("gdb");
  }

  @Test
  void aWrongPlaceToListenIsSaidInOneLine() {
    CommandLineRun run = CommandLineRun.of("debug", "../examples/debugme", "--insecure-listen", "192.0.2.1");
    assertThat(run.status()).as(run.toString()).isEqualTo(ExitCode.MACHINE);
    assertThat(run.err()).contains("cannot listen at").contains("next: ");
    assertThat(CommandLineRun.of("debug", "../examples/debugme", "--port", "99999").status()).isEqualTo(ExitCode.USAGE);
  }
}
