package org.enclavisor.host;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.ImageOptions;
import org.enclavisor.image.Images;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.SgxDevice;
import org.enclavisor.monitor.observe.FlightEvents;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.Platform;
import org.jspecify.annotations.Nullable;

/**
 * Where a Java program gets its enclaves from.
 *
 * <pre>{@code
 * try (var enclavisor = Enclavisor.open(platform);
 *      var enclave = enclavisor.load(Path.of("hello.signed.so"), Edl.read(Path.of("hello.edl")))) {
 *   Hello hello = enclave.bind(Hello.class, new Ocalls());
 *   hello.hello("world");
 * }
 * }</pre>
 *
 * <p>It speaks to the monitor through {@link SgxDevice} only, an interface of values. With {@link #open} both are in
 * this process, which is for development: see {@link #isolation}. Thread-safe.
 */
public final class Enclavisor implements AutoCloseable {
  private final SgxDevice device;
  private final Machine machine;
  private final Isolation isolation;
  private final @Nullable Platform owned;
  private final Set<Enclave> enclaves = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  private Enclavisor(SgxDevice device, Machine machine, Isolation isolation, @Nullable Platform owned) {
    this.device = device;
    this.machine = machine;
    this.isolation = isolation;
    this.owned = owned;
  }

  /** A monitor of our own on a platform. Closing it closes the platform. */
  public static Enclavisor open(Platform platform) {
    return open(platform, MonitorConfig.defaults());
  }

  /**
   * A monitor of our own on a platform. Closing it closes the platform. What it does, the JDK's Flight Recorder is told
   * whenever it records.
   */
  public static Enclavisor open(Platform platform, MonitorConfig config) {
    var monitor = new Monitor(platform, FlightEvents.attachedTo(config));
    return new Enclavisor(monitor, platform.machine(), Isolation.NONE, platform);
  }

  /**
   * A monitor somewhere. Closing it closes the device.
   *
   * @param machine what the processor behind the device offers
   */
  public static Enclavisor over(SgxDevice device, Machine machine, Isolation isolation) {
    return new Enclavisor(device, machine, isolation, null);
  }

  /** What stands between this program and the monitor. */
  public Isolation isolation() {
    return isolation;
  }

  /** What the processor offers. */
  public Machine machine() {
    return machine;
  }

  /** Loads and starts an enclave with {@link HostConfig#defaults}. */
  public Enclave load(Path file, Edl edl) {
    return load(file, edl, HostConfig.defaults());
  }

  /**
   * Loads and starts an enclave.
   *
   * @throws LoadException if the image is broken, or refused
   * @throws java.io.UncheckedIOException if it cannot be read at all
   */
  public Enclave load(Path file, Edl edl, HostConfig config) {
    try {
      return load(Images.read(file, ImageOptions.DEFAULT.withDynamicMemory(config.dynamicMemory())), edl, config);
    } catch (MalformedImageException e) {
      throw new LoadException(
          file + ": " + e.what(),
          e.expected(),
          e.found(),
          "build or sign the image again; it is no enclave as it is",
          e);
    }
  }

  /**
   * Loads and starts an enclave. An image of the Intel SDK's kind can be called afterwards; one of another kind is
   * loaded, measured and initialised, but every call is refused, because its calling convention is another.
   *
   * @throws LoadException if the image is refused
   */
  public Enclave load(EnclaveImage image, Edl edl, HostConfig config) {
    if (closed) {
      throw new WrongUseException("load of " + image.name() + ": expected an open Enclavisor, found a closed one");
    }
    var loader = new Loader(device, image, config);
    List<Long> threads = loader.threads();
    List<Long> later = loader.laterThreads();
    int callers = Math.max(threads.size() + later.size(), 1);
    long untrusted = config.stackBytes() * callers + config.heapBytes();
    Loader.Loaded loaded = loader.load(machine, untrusted, callers);
    boolean done = false;
    try {
      var enclave = new Enclave(this, device, loaded, image, edl, config, threads, later);
      if (image.kind() == EnclaveImage.Kind.INTEL_SDK) {
        loader.report(LoadProgress.Phase.STARTING);
        enclave.start();
      }
      loader.protect(loaded);
      loader.report(LoadProgress.Phase.READY);
      enclaves.add(enclave);
      done = true;
      return enclave;
    } finally {
      if (!done) {
        device.remove(loaded.id());
      }
    }
  }

  /**
   * Becomes the host of an enclave that the monitor has brought back. Its calls are {@link Enclave#pendingCalls};
   * OCALLs have to be served before they are finished.
   *
   * @param image what the enclave was loaded from, read with the same options
   * @param config with the same bytes of stack and heap as when it was loaded
   * @param id what the monitor calls it
   * @param base linear address of its first byte
   * @param snapshot of its last host
   * @throws WrongUseException if these do not belong together
   */
  public Enclave adopt(
      EnclaveImage image, Edl edl, HostConfig config, EnclaveId id, long base, HostSnapshot snapshot) {
    if (closed) {
      throw new WrongUseException("adopt " + image.name() + ": expected an open Enclavisor, found a closed one");
    }
    var loader = new Loader(device, image, config);
    var loaded = new Loader.Loaded(id, base);
    var enclave =
        new Enclave(this, device, loaded, image, edl, config, loader.threads(), loader.laterThreads());
    enclave.adopt(snapshot);
    enclaves.add(enclave);
    return enclave;
  }

  void forget(Enclave enclave) {
    enclaves.remove(enclave);
  }

  /** Closes every enclave, then the monitor. Idempotent. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    enclaves.forEach(Enclave::close);
    device.close();
    if (owned != null) {
      owned.close();
    }
  }
}
