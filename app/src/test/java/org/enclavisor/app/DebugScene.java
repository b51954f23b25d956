package org.enclavisor.app;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.Enclavisor;
import org.enclavisor.host.HostConfig;
import org.enclavisor.host.Isolation;
import org.enclavisor.host.OcallHandler;
import org.enclavisor.host.debug.DebugServer;
import org.enclavisor.host.debug.DebuggedDevice;
import org.enclavisor.host.debug.ProgramFile;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.spi.Platform;
import org.jspecify.annotations.Nullable;

/** A sample under a debugger that has still to come, with calls that run beside the test. */
final class DebugScene implements AutoCloseable {
  final Monitor monitor;
  final DebuggedDevice device;
  final Enclavisor enclavisor;
  final Enclave enclave;
  final DebugServer server;
  private final Platform platform;
  private final Map<String, Long> symbols;

  DebugScene(Way way, String sample) {
    this(way, sample, MonitorConfig.defaults());
  }

  DebugScene(Way way, String sample, MonitorConfig config) {
    platform = way.open();
    monitor = new Monitor(platform, config);
    device = new DebuggedDevice(monitor, platform.machine());
    enclavisor = Enclavisor.over(device, platform.machine(), Isolation.NONE);
    enclave =
        enclavisor.load(Hosting.image(sample), Hosting.edl(sample), HostConfig.defaults().withDebug(true));
    enclave.serve((OcallHandler) (_, _) -> null);
    server =
        DebugServer.listen(
            device, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), new ProgramFile(Optional.empty(), 0));
    symbols = symbols(sample);
  }

  /** A debugger that has just come. */
  RemoteDebugger debugger() {
    return new RemoteDebugger((InetSocketAddress) server.address());
  }

  /** An ECALL on a thread of its own. */
  CompletableFuture<Object> call(String ecall, @Nullable Object... arguments) {
    return CompletableFuture.supplyAsync(
        () -> enclave.call(ecall, arguments).value(), task -> Thread.ofPlatform().daemon().start(task));
  }

  /** The linear address of a function or variable. */
  long symbol(String name) {
    return monitor.secs(enclave.id()).baseAddr() + symbols.get(name);
  }

  /** The byte of an enclave that everybody sees who is not the debugger. */
  byte codeAt(long address) {
    byte[] code = new byte[1];
    monitor.debugRead(enclave.id(), address, java.lang.foreign.MemorySegment.ofArray(code));
    return code[0];
  }

  /** Values of the symbols in an ELF file's .symtab. */
  private static Map<String, Long> symbols(String sample) {
    try {
      ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(Hosting.image(sample))).order(ByteOrder.LITTLE_ENDIAN);
      Map<String, Long> symbols = new HashMap<>();
      long sections = file.getLong(40);
      for (int i = 0; i < file.getShort(60); i++) {
        int header = (int) sections + 64 * i;
        if (file.getInt(header + 4) != 2) { // SHT_SYMTAB
          continue;
        }
        int names = (int) file.getLong((int) sections + 64 * file.getInt(header + 40) + 24);
        int from = (int) file.getLong(header + 24);
        for (int at = from; at < from + file.getLong(header + 32); at += 24) {
          int name = names + file.getInt(at);
          int end = name;
          while (file.get(end) != 0) {
            end++;
          }
          symbols.put(
              new String(file.array(), name, end - name, StandardCharsets.UTF_8), file.getLong(at + 8));
        }
      }
      return symbols;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    server.close();
    enclave.close();
    enclavisor.close();
    platform.close();
  }
}
