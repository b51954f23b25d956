package org.enclavisor.linux.ptrace;

import org.enclavisor.linux.Kernel;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.testkit.SwapContract;

class PtraceSwapContractTest extends SwapContract {
  @Override
  protected Platform open() {
    return PtracePlatform.open();
  }

  @Override
  protected void kill(AddressSpace space) {
    int pid = ((PtraceAddressSpace) space).pid();
    Kernel.tgkill(pid, pid, Kernel.SIGKILL);
  }
}
