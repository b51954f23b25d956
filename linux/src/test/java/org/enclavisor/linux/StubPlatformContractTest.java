package org.enclavisor.linux;

import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.testkit.NativeContract;
import org.enclavisor.testkit.PlatformContract;

class StubPlatformContractTest extends PlatformContract implements NativeContract {
  @Override
  protected Platform open() {
    return StubPlatform.open();
  }

  @Override
  public void kill(AddressSpace space) {
    int pid = ((StubAddressSpace) space).pid();
    Kernel.tgkill(pid, pid, Kernel.SIGKILL);
  }
}
