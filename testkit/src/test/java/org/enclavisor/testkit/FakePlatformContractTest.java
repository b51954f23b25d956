package org.enclavisor.testkit;

import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Platform;

class FakePlatformContractTest extends PlatformContract {
  @Override
  protected Platform open() {
    return FakePlatform.open();
  }

  @Override
  public void kill(AddressSpace space) {
    FakePlatform.kill(space, "killed by a test");
  }

  @Override
  public long busyTurns() {
    return 1_000_000;
  }

  /** Here the whole range is searched for pages that count. */
  @Override
  public long largeEnclave() {
    return 64 * MEBIBYTE;
  }
}
