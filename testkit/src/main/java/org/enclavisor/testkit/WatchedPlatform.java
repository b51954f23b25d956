package org.enclavisor.testkit;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.AddressSpaceLayout;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.Platform;

/** A platform that remembers the address spaces it made, for tests that look below the monitor. Thread-safe. */
public final class WatchedPlatform implements Platform {
  private final Platform platform;
  private final List<AddressSpace> spaces = new CopyOnWriteArrayList<>();

  public WatchedPlatform(Platform platform) {
    this.platform = platform;
  }

  /** The address space made last. */
  public AddressSpace last() {
    return spaces.getLast();
  }

  @Override
  public String name() {
    return platform.name();
  }

  @Override
  public Machine machine() {
    return platform.machine();
  }

  @Override
  public AddressSpace create(AddressSpaceLayout layout) {
    AddressSpace space = platform.create(layout);
    spaces.add(space);
    return space;
  }

  @Override
  public void close() {
    platform.close();
  }
}
