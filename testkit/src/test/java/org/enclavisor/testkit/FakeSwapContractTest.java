package org.enclavisor.testkit;

import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Platform;

class FakeSwapContractTest extends SwapContract {
  @Override
  protected Platform open() {
    return FakePlatform.open();
  }

  @Override
  protected void kill(AddressSpace space) {
    FakePlatform.kill(space, "killed by a test");
  }
}
