package org.enclavisor.linux.ptrace;

import org.enclavisor.linux.Kernel;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.testkit.NativeContract;
import org.enclavisor.testkit.PlatformContract;

class PtracePlatformContractTest extends PlatformContract implements NativeContract {
  @Override
  protected Platform open() {
    return PtracePlatform.open();
  }

  @Override
  public void kill(AddressSpace space) {
    int pid = ((PtraceAddressSpace) space).pid();
    Kernel.tgkill(pid, pid, Kernel.SIGKILL);
  }
}
