package org.enclavisor.linux;

import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.testkit.HostileEnclaveContract;

class StubHostileEnclaveTest extends HostileEnclaveContract {
  @Override
  protected Platform open() {
    return StubPlatform.open();
  }

  @Override
  protected int pid(AddressSpace space) {
    return ((StubAddressSpace) space).pid();
  }

  @Override
  protected void kill(AddressSpace space) {
    Kernel.tgkill(pid(space), pid(space), Kernel.SIGKILL);
  }
}
