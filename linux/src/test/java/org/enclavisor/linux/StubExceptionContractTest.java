package org.enclavisor.linux;

import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.testkit.ExceptionContract;

class StubExceptionContractTest extends ExceptionContract {
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
