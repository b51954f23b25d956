package org.enclavisor.app;

import java.nio.file.Path;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.Enclavisor;
import org.enclavisor.host.HostConfig;
import org.enclavisor.host.HostSnapshot;
import org.enclavisor.host.Isolation;
import org.enclavisor.host.OcallHandler;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.image.ImageOptions;
import org.enclavisor.image.Images;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.MonitorEvent;
import org.enclavisor.monitor.RestoreOutcome;
import org.enclavisor.monitor.spi.Platform;

/**
 * A host whose monitor a test can look into: events, interrupts, memory. Everything printed by enclaves is kept.
 * Thread-safe.
 */
final class Hosting implements AutoCloseable {
  static final Path EXAMPLES = Path.of("..", "examples");

  private final Platform platform;
  private final Monitor monitor;
  private final Enclavisor enclavisor;
  private final Queue<String> printed = new ConcurrentLinkedQueue<>();
  private final Queue<MonitorEvent> events = new ConcurrentLinkedQueue<>();

  private Hosting(Way way, boolean recording) {
    platform = way.open();
    var config = MonitorConfig.defaults();
    monitor = new Monitor(platform, recording ? config.withEvents(events::add) : config);
    enclavisor = Enclavisor.over(monitor, platform.machine(), Isolation.NONE);
  }

  static Hosting on(Way way) {
    return new Hosting(way, false);
  }

  /** The same, and every event is kept. */
  static Hosting recording(Way way) {
    return new Hosting(way, true);
  }

  static Path image(String sample) {
    return EXAMPLES.resolve(sample).resolve(sample + ".signed.so");
  }

  static Edl edl(String sample) {
    return Edl.read(EXAMPLES.resolve(sample).resolve(sample + ".edl"));
  }

  /** Loads a sample. Its OCALLs are answered by zero until somebody serves them better; what it prints is kept. */
  Enclave load(String sample) {
    return load(sample, HostConfig.defaults());
  }

  Enclave load(String sample, HostConfig config) {
    return served(enclavisor.load(image(sample), edl(sample), config));
  }

  /** Becomes the host of a sample that the monitor has brought back. */
  Enclave adopt(String sample, HostConfig config, RestoreOutcome.Restored restored, HostSnapshot snapshot) {
    var options = ImageOptions.DEFAULT.withDynamicMemory(config.dynamicMemory());
    return served(
        enclavisor.adopt(
            Images.read(image(sample), options), edl(sample), config, restored.id(), restored.base(), snapshot));
  }

  private Enclave served(Enclave enclave) {
    OcallHandler keep =
        (context, arguments) -> {
          if (context.name().equals("ocall_print_string")) {
            printed.add(String.valueOf(arguments.values().iterator().next()));
          }
          return null;
        };
    enclave.serve(keep);
    return enclave;
  }

  Enclavisor enclavisor() {
    return enclavisor;
  }

  Monitor monitor() {
    return monitor;
  }

  /** What was printed since the last time, in its order. */
  String printed() {
    var text = new StringBuilder();
    for (String part = printed.poll(); part != null; part = printed.poll()) {
      text.append(part);
    }
    return text.toString();
  }

  Queue<MonitorEvent> events() {
    return events;
  }

  /** Interrupts whoever is inside on any TCS of an enclave. */
  void interrupt(Enclave enclave) {
    long base = monitor.secs(enclave.id()).baseAddr();
    enclave.image().threads().forEach(thread -> monitor.interrupt(enclave.id(), base + thread.offset()));
  }

  @Override
  public void close() {
    enclavisor.close();
    platform.close();
  }
}
