package org.enclavisor.app;

import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.enclavisor.app.RunCommand.Target.Setup;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.HostException;
import org.enclavisor.host.debug.DebugServer;
import org.enclavisor.host.debug.DebuggedDevice;
import org.enclavisor.host.debug.ProgramFile;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.LaunchRules;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.SgxDevice;
import org.enclavisor.monitor.spi.Machine;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code enclavisor debug}: the same as {@code run}, with GDB at the enclave. */
@Command(
    name = "debug",
    mixinStandardHelpOptions = true,
    description = {
      "Run an enclave as 'run' does, as a debug enclave, and let GDB at it.",
      "Prints the gdb command to type in another terminal, and waits for it before the first call."
    },
    footer = {
      "",
      "Examples:",
      "  enclavisor debug examples/debugme",
      "  enclavisor debug examples/debugme share 10 0 --port 1234",
      "Exit status 4: the enclave is signed for production, and SGX keeps debuggers out of it."
    })
final class DebugCommand implements Callable<Integer> {
  @Mixin private Output output;
  @Mixin private RunCommand.Target target;
  @ArgGroup private @Nullable Where where;

  @Option(names = "--from-start", description = "Stop in the enclave's start code already, before the first call.")
  private boolean fromStart;

  @Option(names = "--no-wait", description = "Do not wait: GDB may come while the enclave runs.")
  private boolean noWait;

  /** Where GDB finds us. */
  private static final class Where {
    @ArgGroup(exclusive = false)
    private @Nullable Tcp tcp;

    @Option(
        names = "--unix", required = true, paramLabel = "PATH",
        description = "Listen on a Unix socket, which only you can open.")
    private @Nullable Path unix;
  }

  private static final class Tcp {
    @Option(names = "--port", paramLabel = "N", description = "Listen on this port of 127.0.0.1; else on a free one.")
    private int port;

    @Option(
        names = "--insecure-listen", paramLabel = "ADDRESS",
        description = "Listen on another address of this machine: whoever reaches it has the enclave's memory.")
    private @Nullable String address;
  }

  @Override
  public Integer call() {
    Session session = new Session(output);
    Map<String, Object> tree = new LinkedHashMap<>();
    try (var debugging = new Debugging(address())) {
      int status = ExitCode.LOST;
      try {
        Setup setup = Setup.of(MonitorConfig.defaults(), session).withDebug();
        target.run(setup, output, session, tree, debugging);
        status = session.asExpected() ? ExitCode.OK : ExitCode.NO;
      } catch (HostException e) {
        tree.put("calls", session.calls());
        Failure failure = Failures.of(e).after(tree);
        status = failure.exitCode();
        throw failure;
      } finally {
        debugging.finished(status);
      }
      tree.put("calls", session.calls());
      output.value(tree);
      return status;
    }
  }

  private SocketAddress address() {
    if (where != null && where.unix != null) {
      return UnixDomainSocketAddress.of(where.unix);
    }
    Tcp tcp = where == null ? null : where.tcp;
    int port = tcp == null ? 0 : tcp.port;
    if (port < 0 || port > 0xFFFF) {
      throw new Failure(ExitCode.USAGE, "--port " + port + " is no port", "Name one from 1 to 65535.");
    }
    String address = tcp == null || tcp.address == null ? "127.0.0.1" : tcp.address;
    try {
      return new InetSocketAddress(InetAddress.getByName(address), port);
    } catch (UnknownHostException e) {
      throw new Failure(ExitCode.USAGE, "--insecure-listen " + address + " is no address", "Name one of this machine.");
    }
  }

  /** What is put between the host and the monitor. */
  private final class Debugging implements RunCommand.Attachment, AutoCloseable {
    private final SocketAddress address;
    private @Nullable DebuggedDevice device;
    private @Nullable DebugServer server;
    private @Nullable EnclaveImage image;
    private @Nullable Path file;

    Debugging(SocketAddress address) {
      this.address = address;
    }

    @Override
    public void reading(Path path, EnclaveImage read) {
      file = path;
      image = read;
      boolean production = read.sigstruct().map(signed -> !LaunchRules.debuggable(signed)).orElse(false);
      if (production) {
        throw new Failure(
            ExitCode.REFUSED,
            "%s is signed for production: SGX lets no debugger read or write it".formatted(read.name()),
            "Sign it for debugging, with <DisableDebug>0</DisableDebug>; docs/debug.md says how.");
      }
    }

    @Override
    public SgxDevice around(SgxDevice monitor, Machine machine) {
      device = new DebuggedDevice(monitor, machine, fromStart ? this::listen : null);
      return device;
    }

    @Override
    public void loaded(Enclave enclave) {
      if (!fromStart) {
        listen();
      }
    }

    private void listen() {
      if (device == null || image == null || file == null) {
        throw new IllegalStateException("nothing is loaded");
      }
      try {
        server =
            DebugServer.listen(
                device, address, new ProgramFile(Optional.of(file.toAbsolutePath().normalize().toString()),
                    image.imageOffset()));
      } catch (UncheckedIOException e) {
        throw new Failure(ExitCode.MACHINE, String.valueOf(e.getMessage()), "Name another: --port N, or --unix PATH.");
      }
      if (!noWait) {
        device.holdUntilAttached();
      }
      say("");
      say(
          noWait
              ? "GDB may come at any time. In another terminal, in this folder:"
              : "Waiting for GDB. In another terminal, in this folder:");
      say("");
      say("  gdb -ex 'target remote %s' %s".formatted(server.gdbTarget(), file));
      System.out.flush();
    }

    /** With --json standard output is for the result, and somebody has to know where to go all the same. */
    private void say(String line) {
      (output.json ? System.err : System.out).println(line);
    }

    void finished(int status) {
      if (server != null) {
        server.finished(status);
      }
    }

    @Override
    public void close() {
      if (server != null) {
        server.close();
      }
    }
  }
}
