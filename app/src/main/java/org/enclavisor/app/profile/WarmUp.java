package org.enclavisor.app.profile;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.Enclavisor;
import org.enclavisor.host.HostConfig;
import org.enclavisor.host.Isolation;
import org.enclavisor.host.OcallHandler;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.spi.Platform;
import org.jspecify.annotations.Nullable;

/**
 * Calls another enclave for a while, so that the first calls of the one that is profiled do not show how a JVM starts.
 * Code that only the profiled enclave's own calls need stays cold.
 */
public final class WarmUp {
  private static final long NANOS = 500_000_000;
  private static final int MOST = 3000;
  private static final int OCALLS = 20;

  private WarmUp() {}

  /**
   * For half a second at the most.
   *
   * @param examples the folder of the samples
   */
  public static void run(Platform platform, Path examples) {
    Path folder = examples.resolve("calls");
    Recorder recorder = new Recorder();
    long end = System.nanoTime() + NANOS;
    try (Monitor monitor = new Monitor(platform, MonitorConfig.defaults().withEvents(recorder));
        Enclavisor enclavisor = Enclavisor.over(monitor, platform.machine(), Isolation.NONE);
        Enclave enclave =
            enclavisor.load(
                folder.resolve("calls.signed.so"), Edl.read(folder.resolve("calls.edl")),
                HostConfig.defaults().withObserver(recorder))) {
      enclave.serve((OcallHandler) (_, arguments) -> nothing(recorder, arguments));
      var none = List.<String>of();
      var numbers = List.of("40", "2");
      var times = List.of(String.valueOf(OCALLS));
      for (int i = 0; i < MOST && System.nanoTime() - end < 0; i++) {
        enclave.callText("nothing", none);
        enclave.callText("add", numbers);
        if (i % OCALLS == 0) {
          enclave.callText("repeat_ocall", times);
        }
      }
    }
  }

  private static @Nullable Object nothing(Recorder recorder, Map<String, @Nullable Object> arguments) {
    recorder.asked(arguments);
    return null;
  }
}
