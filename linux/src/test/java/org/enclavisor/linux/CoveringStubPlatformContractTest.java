package org.enclavisor.linux;

import java.time.Duration;
import org.enclavisor.monitor.spi.Platform;

/** The same where every small range that is taken away is covered by guard markers, if the kernel has them. */
class CoveringStubPlatformContractTest extends StubPlatformContractTest {
  @Override
  protected Platform open() {
    return StubPlatform.open(StubOptions.DEFAULT, Duration.ofSeconds(10), 0);
  }
}
