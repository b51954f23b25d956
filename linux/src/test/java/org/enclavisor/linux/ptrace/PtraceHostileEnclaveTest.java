package org.enclavisor.linux.ptrace;

import org.enclavisor.linux.Kernel;
import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.testkit.HostileEnclaveContract;

class PtraceHostileEnclaveTest extends HostileEnclaveContract {
  @Override
  protected Platform open() {
    return PtracePlatform.open();
  }

  @Override
  protected int pid(AddressSpace space) {
    return ((PtraceAddressSpace) space).pid();
  }

  @Override
  protected void kill(AddressSpace space) {
    Kernel.tgkill(pid(space), pid(space), Kernel.SIGKILL);
  }
}
