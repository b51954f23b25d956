package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import org.enclavisor.monitor.spi.AddressSpace;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.Platform;

/** What the parts of {@link PlatformContract} share. */
interface Contract {
  Platform platform();

  void kill(AddressSpace space);

  /** Turns of a loop that keep the platform busy for a tenth of a second or so. */
  default long busyTurns() {
    return 100_000_000;
  }

  default Testbed testbed() {
    return new Testbed(platform(), 1);
  }

  static void assertEnclu(Exit exit) {
    assertThat(exit).isEqualTo(Exit.Enclu.INSTANCE);
  }

  static void assertInterrupt(Exit exit) {
    assertThat(exit).isEqualTo(Exit.Interrupt.INSTANCE);
  }

  static void assertDeath(Exit exit) {
    assertThat(exit).isInstanceOf(Exit.Death.class);
    assertThat(((Exit.Death) exit).reason()).isNotBlank();
  }
}
