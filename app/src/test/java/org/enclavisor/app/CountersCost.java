package org.enclavisor.app;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Consumer;
import jdk.jfr.Recording;
import org.enclavisor.app.bench.SmallestEnclave;
import org.enclavisor.app.profile.Recorder;
import org.enclavisor.image.sign.PemKeys;
import org.enclavisor.linux.StubOptions;
import org.enclavisor.linux.StubPlatform;
import org.enclavisor.linux.WaitPolicy;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.MonitorEvent;
import org.enclavisor.monitor.observe.Counters;
import org.enclavisor.monitor.observe.FlightEvents;
import org.enclavisor.monitor.spi.Registers;

/**
 * What watching adds to EENTER and EEXIT: each way of watching takes turns with none, and the quickest tenth counts.
 * A program, not a test: {@code java -cp <test class path> org.enclavisor.app.CountersCost}.
 */
final class CountersCost {
  private static final int SAMPLES = 201;
  private static final int BATCH = 2_000;

  private CountersCost() {}

  public static void main(String[] arguments) {
    var key = PemKeys.readPrivate(Path.of("../sdk/keys/sample-key.pem"));
    try (var platform = StubPlatform.open(StubOptions.DEFAULT.waiting(WaitPolicy.SPIN))) {
      var smallest = new SmallestEnclave(MemorySegment.ofArray(new byte[0]), platform.machine().xcr0(), key);
      try (Monitor bare = new Monitor(platform, MonitorConfig.defaults());
          var without = smallest.load(bare)) {
        for (Object[] way :
            new Object[][] {
              {"Flight Recorder attached, not recording", new FlightEvents()},
              {"Counters", new Counters()},
              {"Recorder of profile", new Recorder()}
            }) {
          compare(platform, smallest, without, (String) way[0], consumer(way[1]));
        }
        try (Recording recording = new Recording()) {
          recording.enable("org.enclavisor.Stay").withoutThreshold();
          recording.start();
          compare(platform, smallest, without, "Flight Recorder, recording Stay", new FlightEvents());
        }
      }
    }
  }

  private static Consumer<MonitorEvent> consumer(Object way) {
    return switch (way) {
      case FlightEvents events -> events;
      case Counters counters -> counters;
      case Recorder recorder -> recorder;
      default -> throw new IllegalArgumentException(way.toString());
    };
  }

  private static void compare(
      StubPlatform platform, SmallestEnclave smallest, SmallestEnclave.Loaded without, String name,
      Consumer<MonitorEvent> events) {
    try (Monitor monitor = new Monitor(platform, MonitorConfig.defaults().withEvents(events));
        var with = smallest.load(monitor)) {
      Registers registers = new Registers();
      double[] watched = new double[SAMPLES];
      double[] plain = new double[SAMPLES];
      for (int sample = -SAMPLES / 2; sample < SAMPLES; sample++) {
        double one = nanos(without, registers);
        double other = nanos(with, registers);
        if (sample >= 0) {
          watched[sample] = other;
          plain[sample] = one;
        }
      }
      Arrays.sort(watched);
      Arrays.sort(plain);
      double least = plain[SAMPLES / 10];
      System.out.printf("%-45s %6.1f ns more than %.0f ns%n", name, watched[SAMPLES / 10] - least, least);
    }
  }

  private static double nanos(SmallestEnclave.Loaded enclave, Registers registers) {
    long start = System.nanoTime();
    for (int i = 0; i < BATCH; i++) {
      enclave.roundTrip(registers);
    }
    return (double) (System.nanoTime() - start) / BATCH;
  }
}
