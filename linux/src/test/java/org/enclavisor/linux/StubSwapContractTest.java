package org.enclavisor.linux;

import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.testkit.SwapContract;

class StubSwapContractTest extends SwapContract {
  @Override
  protected Platform open() {
    return StubPlatform.open();
  }

  @Override
  protected void kill(AddressSpace space) {
    int pid = ((StubAddressSpace) space).pid();
    Kernel.tgkill(pid, pid, Kernel.SIGKILL);
  }
}
