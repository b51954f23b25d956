package org.enclavisor.linux;

import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.PlatformException;

/**
 * Runs enclaves at native speed, each in a process that can reach nothing but its own memory. Thread-safe.
 *
 * <p>See {@code docs/internals/stub.md} for how.
 */
public final class StubPlatform implements Platform {
  /** Long enough for a thread that gets next to no time: the one that suffers from it is a hostile enclave's host. */
  private static final Duration INTERRUPT_PATIENCE = Duration.ofSeconds(10);

  private static final int DEFAULT_MAP_COUNT = 65_530;

  private final StubOptions options;
  private final Duration patience;
  private final int runs;
  private final ProcessKeeper keeper = new ProcessKeeper("enclavisor-keeper");
  private final Set<StubAddressSpace> spaces = new HashSet<>();
  private boolean closed;

  private StubPlatform(StubOptions options, Duration patience, int runs) {
    this.options = options;
    this.patience = patience;
    this.runs = runs;
  }

  /** With {@link StubOptions#DEFAULT}. */
  public static StubPlatform open() {
    return open(StubOptions.DEFAULT);
  }

  /**
   * Opens the platform; enclave processes are started by {@link #create} only.
   *
   * @throws PlatformException if this machine lacks something that it needs; the message says what and what to do
   */
  public static StubPlatform open(StubOptions options) {
    return open(options, INTERRUPT_PATIENCE);
  }

  /** @param patience how long an interrupted enclave may do as if nothing had happened, before it is ended */
  static StubPlatform open(StubOptions options, Duration patience) {
    return open(options, patience, LinuxCapabilities.requireStub().mapCount().orElse(DEFAULT_MAP_COUNT) / 2);
  }

  /** @param runs how many runs of equal permissions an address space has before pages are covered by guard markers */
  static StubPlatform open(StubOptions options, Duration patience, int runs) {
    return new StubPlatform(options, patience, runs);
  }

  @Override
  public String name() {
    return "stub";
  }

  @Override
  public Machine machine() {
    return LinuxMachine.INSTANCE;
  }

  @Override
  public AddressSpace create(AddressSpaceLayout layout) {
    synchronized (this) {
      if (closed) {
        throw new PlatformException("the platform is closed");
      }
    }
    StubAddressSpace space = StubAddressSpace.create(this, layout);
    synchronized (this) {
      if (!closed) {
        spaces.add(space);
        return space;
      }
    }
    space.close();
    throw new PlatformException("the platform is closed");
  }

  @Override
  public void close() {
    List<StubAddressSpace> open;
    synchronized (this) {
      closed = true;
      open = List.copyOf(spaces);
    }
    open.forEach(StubAddressSpace::close);
    keeper.close();
  }

  StubOptions options() {
    return options;
  }

  Duration patience() {
    return patience;
  }

  int runs() {
    return runs;
  }

  ProcessKeeper keeper() {
    return keeper;
  }

  synchronized void forget(StubAddressSpace space) {
    spaces.remove(space);
  }
}
