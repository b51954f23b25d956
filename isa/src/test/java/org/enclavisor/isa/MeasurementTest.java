package org.enclavisor.isa;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MeasurementTest {
  private static final int PAGE = 4096;

  /** The digests were computed outside of Java, with Python's struct and hashlib, from the manual's records. */
  @Test
  void givesTheDigestsOfAKnownEnclave() {
    Measurement measurement = Measurement.ecreate(1, 0x10000);
    assertThat(measurement.mrEnclave().hex())
        .isEqualTo("03c79954895fe98c9bd1b86ebe8b7b1748b65bfc30085dd387cb4351e7de51e2");
    measurement.page(0, Secinfo.reg(Permissions.RX), pattern(13, 7));
    assertThat(measurement.mrEnclave().hex())
        .isEqualTo("df3a080ba53e7f295d22017046c0db6997920078b0623e706447b753800efeb8");
    measurement.page(0x1000, Secinfo.tcs(), pattern(5, 1));
    assertThat(measurement.mrEnclave().hex())
        .isEqualTo("9911d7dcc8a3c2e5dd5a1cf25876c8372543d3669d50fce294b6e1b8b1c4ad51");
    measurement.eadd(0x2000, Secinfo.reg(Permissions.RW));
    assertThat(measurement.mrEnclave().hex())
        .isEqualTo("2682eda0770f38a1def18ddc4da0eb55475b37599a5f2cf1cc0bb9eacb1f17e0");
    measurement.eadd(0x3000, Secinfo.reg(Permissions.R));
    measurement.eextend(0x3300, pattern(3, 9).asSlice(0, 256));
    assertThat(measurement.mrEnclave().hex())
        .isEqualTo("15b21c05a6f558ccd59b75d49dac75f16880ddbc209601181d83dd28aa23413a");
    measurement.zeroPage(0x4000, Secinfo.reg(Permissions.RW));
    assertThat(measurement.mrEnclave().hex())
        .isEqualTo("9c98bcee280975e3467d31e42a19fcc93c2a919a0bb8f56feb8e0f3b6ddeaa24");
  }

  /** Random orders of random leaves against records that are put together one by one. */
  @Test
  void agreesWithRecordsPutTogetherOneByOne() throws Exception {
    for (int seed = 0; seed < 50; seed++) {
      Random random = new Random(seed);
      int ssaFrameSize = random.nextInt();
      long size = random.nextLong();
      Measurement measurement = Measurement.ecreate(ssaFrameSize, size);
      Stream stream = new Stream();
      stream.ecreate(ssaFrameSize, size);
      for (int step = 0; step < 30; step++) {
        long offset = random.nextLong() & -PAGE;
        Secinfo secinfo = secinfo(random);
        byte[] bytes = new byte[PAGE];
        random.nextBytes(bytes);
        switch (random.nextInt(4)) {
          case 0 -> {
            measurement.eadd(offset, secinfo);
            stream.eadd(offset, secinfo);
          }
          case 1 -> {
            int at = 256 * random.nextInt(16);
            measurement.eextend(offset + at, MemorySegment.ofArray(bytes).asSlice(at, 256));
            stream.eextend(offset + at, bytes, at);
          }
          case 2 -> {
            measurement.page(offset, secinfo, MemorySegment.ofArray(bytes));
            stream.page(offset, secinfo, bytes);
          }
          default -> {
            measurement.zeroPage(offset, secinfo);
            stream.page(offset, secinfo, new byte[PAGE]);
          }
        }
      }
      assertThat(measurement.mrEnclave().bytes()).as("seed %d", seed).isEqualTo(stream.digest());
    }
  }

  @Test
  void measuresNativeMemoryAsItMeasuresTheHeap() {
    Measurement heap = Measurement.ecreate(1, 0x1000);
    Measurement outside = Measurement.ecreate(1, 0x1000);
    MemorySegment page = pattern(11, 3);
    heap.page(0, Secinfo.reg(Permissions.RW), page);
    try (Arena arena = Arena.ofConfined()) {
      outside.page(0, Secinfo.reg(Permissions.RW), arena.allocate(PAGE).copyFrom(page));
    }
    assertThat(outside.mrEnclave()).isEqualTo(heap.mrEnclave());
  }

  @Test
  void pagesThatWerePreparedMeasureAsIfOneByOne() {
    Measurement single = Measurement.ecreate(1, 0x10000);
    Measurement prepared = Measurement.ecreate(1, 0x10000);
    PageRecords records = new PageRecords(4);
    for (int round = 0; round < 3; round++) { // the room is used again, for fewer pages the last time
      int count = round == 2 ? 2 : 4;
      for (int i = 0; i < count; i++) {
        Secinfo secinfo = i == 1 ? Secinfo.tcs() : Secinfo.reg(Permissions.RX);
        long offset = (round * 4L + i) * PAGE;
        single.page(offset, secinfo, pattern(3 + round, i));
        records.set(i, offset, secinfo, pattern(3 + round, i));
      }
      prepared.pages(records, count);
      assertThat(prepared.mrEnclave()).isEqualTo(single.mrEnclave());
    }
    assertThat(records.pages()).isEqualTo(4);
    assertThatThrownBy(() -> records.set(0, 0, Secinfo.tcs(), pattern(1, 1).asSlice(0, 8)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> prepared.pages(records, 5)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void countsATcsWithoutPermissions() {
    Measurement with = Measurement.ecreate(1, 0x1000);
    Measurement without = Measurement.ecreate(1, 0x1000);
    with.eadd(0, new Secinfo(PageType.TCS, Permissions.RW));
    without.eadd(0, Secinfo.tcs());
    assertThat(with.mrEnclave()).isEqualTo(without.mrEnclave());
  }

  @Test
  void refusesOtherSizes() {
    Measurement measurement = Measurement.ecreate(1, 0x1000);
    Digest32 before = measurement.mrEnclave();
    MemorySegment bytes = MemorySegment.ofArray(new byte[PAGE + 1]);
    for (int size : new int[] {0, 255, 257, PAGE}) {
      assertThatThrownBy(() -> measurement.eextend(0, bytes.asSlice(0, size)))
          .isInstanceOf(IllegalArgumentException.class);
    }
    for (int size : new int[] {0, 256, PAGE - 1, PAGE + 1}) {
      assertThatThrownBy(() -> measurement.page(0, Secinfo.tcs(), bytes.asSlice(0, size)))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThat(measurement.mrEnclave()).isEqualTo(before);
  }

  private static MemorySegment pattern(int factor, int summand) {
    byte[] page = new byte[PAGE];
    for (int i = 0; i < PAGE; i++) {
      page[i] = (byte) (factor * i + summand + (i >> 8));
    }
    return MemorySegment.ofArray(page);
  }

  private static Secinfo secinfo(Random random) {
    return random.nextInt(4) == 0 ? Secinfo.tcs() : Secinfo.reg(Permissions.of(random.nextInt(8)));
  }

  /** The bytes that are hashed, by the words of the manual. */
  private static final class Stream {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    void ecreate(int ssaFrameSize, long size) {
      append(record("ECREATE").putInt(8, ssaFrameSize).putLong(12, size));
    }

    void eadd(long offset, Secinfo secinfo) {
      append(record("EADD").putLong(8, offset).put(16, secinfo.toBytes(), 0, 48));
    }

    void eextend(long offset, byte[] data, int at) {
      append(record("EEXTEND").putLong(8, offset));
      bytes.write(data, at, 256);
    }

    void page(long offset, Secinfo secinfo, byte[] page) {
      eadd(offset, secinfo);
      for (int at = 0; at < PAGE; at += 256) {
        eextend(offset + at, page, at);
      }
    }

    byte[] digest() throws Exception {
      return MessageDigest.getInstance("SHA-256").digest(bytes.toByteArray());
    }

    private static ByteBuffer record(String name) {
      return ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN).put(0, name.getBytes(StandardCharsets.US_ASCII));
    }

    private void append(ByteBuffer record) {
      bytes.writeBytes(record.array());
    }
  }
}
