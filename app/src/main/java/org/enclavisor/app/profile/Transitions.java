package org.enclavisor.app.profile;

import java.lang.foreign.MemorySegment;
import java.security.interfaces.RSAPrivateCrtKey;
import java.util.Arrays;
import java.util.function.Consumer;
import org.enclavisor.app.bench.SmallestEnclave;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.MonitorEvent;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.Registers;

/**
 * Measures what a way in and out costs where and when an enclave is profiled: EENTER and EEXIT of an enclave that does
 * nothing, on the same platform and the same thread, between the calls. Used by one thread.
 */
public final class Transitions implements AutoCloseable {
  private static final int WARM_UP = 20_000;
  private static final long WARM_UP_NANOS = 100_000_000;
  private static final int ROUNDS = 2_000;
  private static final long BURST_NANOS = 5_000_000;

  private static final long BETWEEN_NANOS = 50_000_000;

  private long measured;
  private final Place bare;
  private final Place recorded;

  /**
   * What a transition costs.
   *
   * @param nanos median of EENTER to EEXIT, and back to the host
   * @param recordedNanos the same while a recorder listens
   * @param rounds how many were measured
   */
  public record Cost(long nanos, long recordedNanos, int rounds) {}

  /** An enclave that does nothing, in a monitor of its own. */
  private static final class Place implements AutoCloseable {
    private final Monitor monitor;
    private final SmallestEnclave.Loaded enclave;
    private final Registers registers = new Registers();
    private long[] times = new long[ROUNDS];
    private int count;

    Place(Platform platform, MonitorConfig config, SmallestEnclave smallest) {
      monitor = new Monitor(platform, config);
      enclave = smallest.load(monitor);
    }

    void burst(int rounds, long nanos, boolean keep) {
      long end = System.nanoTime() + nanos;
      long before = System.nanoTime();
      for (int i = 0; i < rounds && before - end < 0; i++) {
        enclave.roundTrip(registers);
        long now = System.nanoTime();
        if (keep) {
          if (count == times.length) {
            times = Arrays.copyOf(times, 2 * count);
          }
          times[count++] = now - before;
        }
        before = now;
      }
    }

    long median() {
      long[] sorted = Arrays.copyOf(times, count);
      Arrays.sort(sorted);
      return Profile.quantile(sorted, 0.5);
    }

    @Override
    public void close() {
      enclave.close();
      monitor.close();
    }
  }

  /** Loads the enclaves, and warms them up. */
  public Transitions(Platform platform, RSAPrivateCrtKey key) {
    SmallestEnclave smallest =
        new SmallestEnclave(MemorySegment.ofArray(new byte[0]), platform.machine().xcr0(), key);
    bare = new Place(platform, MonitorConfig.defaults(), smallest);
    Consumer<MonitorEvent> listener = new Recorder();
    recorded = new Place(platform, MonitorConfig.defaults().withEvents(listener), smallest);
    bare.burst(WARM_UP, WARM_UP_NANOS, false);
    recorded.burst(WARM_UP, WARM_UP_NANOS, false);
  }

  /** Measures for some milliseconds, unless it has just been measured. */
  public void measure() {
    long now = System.nanoTime();
    if (bare.count > 0 && now - measured < BETWEEN_NANOS) {
      return;
    }
    measured = now;
    bare.burst(ROUNDS / 10, BURST_NANOS, false); // who was away for a while has to wake up first
    bare.burst(ROUNDS, BURST_NANOS, true);
    recorded.burst(ROUNDS / 10, BURST_NANOS, false);
    recorded.burst(ROUNDS, BURST_NANOS, true);
  }

  /** What all measuring up to now has found. */
  public Cost cost() {
    return new Cost(bare.median(), recorded.median(), bare.count);
  }

  @Override
  public void close() {
    bare.close();
    recorded.close();
  }
}
