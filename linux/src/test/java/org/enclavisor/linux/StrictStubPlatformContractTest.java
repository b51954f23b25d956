package org.enclavisor.linux;

import org.enclavisor.monitor.spi.Platform;

/** The same without patching. */
class StrictStubPlatformContractTest extends StubPlatformContractTest {
  @Override
  protected Platform open() {
    return StubPlatform.open(StubOptions.DEFAULT.strict(true));
  }
}
