package org.enclavisor.linux;

import org.enclavisor.monitor.spi.Platform;

/** The same without patching. */
class StrictStubCheckpointContractTest extends StubCheckpointContractTest {
  @Override
  protected Platform open() {
    return StubPlatform.open(StubOptions.DEFAULT.strict(true));
  }
}
