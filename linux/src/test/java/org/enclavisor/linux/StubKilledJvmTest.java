package org.enclavisor.linux;

import java.util.function.Supplier;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.testkit.KilledJvm;
import org.junit.jupiter.api.Test;

class StubKilledJvmTest {
  /** Opens the platform in another JVM. */
  static final class Opener implements Supplier<Platform> {
    @Override
    public Platform get() {
      return StubPlatform.open();
    }
  }

  @Test
  void nothingSurvivesAKilledJvm() {
    KilledJvm.assertNothingSurvives(Opener.class, "--enable-native-access=ALL-UNNAMED");
  }
}
