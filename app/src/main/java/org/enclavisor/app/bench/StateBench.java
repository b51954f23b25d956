package org.enclavisor.app.bench;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.security.MessageDigest;
import java.util.List;
import java.util.Random;
import org.enclavisor.monitor.Checkpoints;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.RestoreOutcome;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.state.StateProgress;

/**
 * What it costs to stop an enclave and let it go on, to write its state and to bring it back, in memory; against the
 * JDK's SHA-256, which has to go over every byte of a stream. Writing is per MiB; bringing back includes a new process.
 */
final class StateBench {
  static final String GROUP = "state";

  private static final int MEBIBYTE = 1 << 20;
  private static final int SAMPLES = 9;
  private static final int WARM_UPS = 6;

  private final Clock clock;
  private final Platform platform;

  StateBench(Clock clock, Platform platform) {
    this.clock = clock;
    this.platform = platform;
  }

  /** A stream in memory. */
  private static final class Memory implements WritableByteChannel, ReadableByteChannel {
    private final ByteBuffer bytes;

    Memory(int room) {
      bytes = ByteBuffer.allocateDirect(room);
    }

    @Override
    public int write(ByteBuffer source) {
      int count = source.remaining();
      bytes.put(source);
      return count;
    }

    @Override
    public int read(ByteBuffer target) {
      if (!bytes.hasRemaining()) {
        return -1;
      }
      int count = Math.min(target.remaining(), bytes.remaining());
      target.put(bytes.slice(bytes.position(), count));
      bytes.position(bytes.position() + count);
      return count;
    }

    Memory empty() {
      bytes.clear();
      return this;
    }

    Memory again() {
      bytes.flip();
      return this;
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {}
  }

  /** @param mebibytes of pages, all different from zero */
  List<Row> run(int mebibytes) throws Exception {
    byte[] content = new byte[mebibytes * MEBIBYTE];
    new Random(1).nextBytes(content);
    SmallestEnclave enclave = new SmallestEnclave(MemorySegment.ofArray(content), platform.machine().xcr0());
    MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
    Memory stream = new Memory((mebibytes + 1) * MEBIBYTE);
    double[] hashed = new double[SAMPLES];
    double[] stopped = new double[SAMPLES];
    double[] resumed = new double[SAMPLES];
    double[] written = new double[SAMPLES];
    double[] restored = new double[SAMPLES];
    try (Monitor monitor = new Monitor(platform, MonitorConfig.defaults())) {
      Checkpoints checkpoints = monitor.checkpoints();
      EnclaveId id = enclave.load(monitor).id();
      for (int sample = -WARM_UPS; sample < SAMPLES; sample++) {
        long start = System.nanoTime();
        sha256.digest(content);
        long hashing = System.nanoTime();
        checkpoints.stop(id);
        long stop = System.nanoTime();
        id = checkpoints.resume(id);
        long resume = System.nanoTime();
        checkpoints.stop(id);
        long write = System.nanoTime();
        checkpoints.write(id, stream.empty(), false, StateProgress.NONE);
        long end = System.nanoTime();
        monitor.remove(id);
        long back = System.nanoTime();
        id =
            switch (checkpoints.restore(stream.again(), List.of(), StateProgress.NONE)) {
              case RestoreOutcome.Restored(EnclaveId next, long _) -> next;
              case RestoreOutcome.Refused(String reason) -> throw new IllegalStateException(reason);
            };
        long there = System.nanoTime();
        if (sample >= 0) {
          hashed[sample] = (double) (hashing - start) / mebibytes;
          stopped[sample] = stop - hashing;
          resumed[sample] = resume - stop;
          written[sample] = (double) (end - write) / mebibytes;
          restored[sample] = there - back;
        }
      }
    }
    Row hash = clock.row(GROUP, "SHA-256 of the JDK, 1 MiB", Clock.median(hashed));
    return List.of(
        hash,
        clock.row(GROUP, "stop, nobody inside", Clock.median(stopped)),
        clock.row(GROUP, "go on in place", Clock.median(resumed)),
        clock.row(GROUP, "write, per MiB", Clock.median(written)).against(hash),
        clock.row(GROUP, "restore, %d MiB".formatted(mebibytes), Clock.median(restored)));
  }
}
