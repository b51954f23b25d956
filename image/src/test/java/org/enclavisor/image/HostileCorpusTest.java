package org.enclavisor.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.sun.management.ThreadMXBean;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.enclavisor.image.TinyEnclaves.Variant;
import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.HostileBytes;
import org.enclavisor.image.elf.ProgramHeader;
import org.enclavisor.image.sgxs.SgxsWriter;
import org.enclavisor.image.sign.ConfigKey;
import org.enclavisor.image.sign.EnclaveSigner;
import org.enclavisor.image.sign.SigningConfig;
import org.enclavisor.image.sign.SigningOptions;
import org.enclavisor.isa.Digest32;
import org.junit.jupiter.api.Test;

/**
 * Damages valid images of every kind in all ways that come to mind, seeded, and watches what reading them costs. A
 * longer campaign: {@code -Denclavisor.fuzz.iterations=1000000 -Denclavisor.fuzz.seed=7}.
 */
class HostileCorpusTest {
  private static final int ITERATIONS = Integer.getInteger("enclavisor.fuzz.iterations", 3000);
  private static final long SEED = Long.getLong("enclavisor.fuzz.seed", 20260101);
  /** Beside what the file weighs: 8192 TCS pages of 4 KiB and what describes them. */
  private static final long MOST_ALLOCATED = 64L << 20;
  private static final Duration MOST_TIME = Duration.ofSeconds(5);
  private static final long[] ABSURD = {0, 1, -1, 2, 7, 0x7f, 0xff, 0x100, 0xfff, 0x1000, 0x1001, 0x7fff, 0x8000,
      0xffff, 0x10000, 0x7fff_ffffL, 0x8000_0000L, 0xffff_ffffL, 0x1_0000_0000L, 1L << 40, (1L << 45) - 4096,
      1L << 46, 1L << 47, 1L << 62, Long.MAX_VALUE, Long.MIN_VALUE, -4096, -4097, Long.MAX_VALUE & -4096};

  private static final String SMALL = "<TCSNum>3</TCSNum><TCSMaxNum>5</TCSMaxNum><TCSMinPool>2</TCSMinPool>"
      + "<HeapMinSize>0x2000</HeapMinSize><HeapInitSize>0x4000</HeapInitSize><HeapMaxSize>0x8000</HeapMaxSize>"
      + "<StackMinSize>0x2000</StackMinSize><StackMaxSize>0x3000</StackMaxSize><MiscSelect>1</MiscSelect>"
      + "<MiscMask>0xFFFFFFFE</MiscMask><ReservedMemMaxSize>0x3000</ReservedMemMaxSize>";

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private static List<byte[]> seeds() {
    List<byte[]> seeds = new ArrayList<>();
    seeds.add(SdkImageTest.signed(Variant.PLAIN, SMALL));
    seeds.add(SdkImageTest.signed(Variant.TEXT_RELOCATIONS, ""));
    seeds.add(SdkImageTest.signed(Variant.THREAD_LOCALS, SMALL + "<ELRangeSize>0x1000000</ELRangeSize>"
        + "<ELRangeStartAddress>0x1000000</ELRangeStartAddress><EnclaveImageAddress>0x1200000</EnclaveImageAddress>"));
    seeds.add(EnclaveSigner.sign(TinyEnclaves.sdk(Variant.PLAIN), "tiny",
        SigningConfig.of(Map.of(ConfigKey.ENABLE_OSSL_FIPS, 1L)), TestKeys.privateKey(), SigningOptions.today()
            .withFipsProvider(MemorySegment.ofArray(TinyEnclaves.sdk(Variant.TEXT_RELOCATIONS)))));
    seeds.add(EnclaveSigner.sign(TinyEnclaves.sdk(Variant.PLAIN), "tiny",
        SigningConfig.of(Map.of(ConfigKey.ENABLE_IPP_FIPS, 1L)), TestKeys.privateKey(), SigningOptions.today()));
    seeds.add(TinyEnclaves.openEnclave(false));
    seeds.add(TinyEnclaves.openEnclave(true));
    seeds.add(TinyEnclaves.selftest());
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    try {
      SgxsWriter.write(read(TinyEnclaves.selftest()), stream);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    seeds.add(stream.toByteArray());
    return seeds;
  }

  private static EnclaveImage read(byte[] file) {
    return Images.read(MemorySegment.ofArray(file), "fuzzed", ImageOptions.DEFAULT);
  }

  /** Reads and, where that is affordable, measures; nothing but the one exception may come of it. */
  private Optional<EnclaveImage> survive(byte[] file, String how, boolean dynamic) {
    long before = threads.getCurrentThreadAllocatedBytes();
    long start = System.nanoTime();
    Optional<EnclaveImage> image = Optional.empty();
    try {
      image = Optional.of(Images.read(MemorySegment.ofArray(file), "fuzzed",
          ImageOptions.DEFAULT.withDynamicMemory(dynamic)));
    } catch (MalformedImageException e) {
      assertThat(e.what()).isNotBlank();
      assertThat(e.expected()).isNotBlank();
      assertThat(e.found()).isNotBlank();
      assertThat(e.getMessage()).hasSizeLessThan(2000);
    } catch (RuntimeException | Error e) {
      throw new AssertionError(how, e);
    }
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;
    Duration took = Duration.ofNanos(System.nanoTime() - start);
    if (allocated > MOST_ALLOCATED + 12L * file.length || took.compareTo(MOST_TIME) > 0) {
      fail("%s: allocated %d bytes in %s", how, allocated, took);
    }
    image.filter(read -> read.measuredBytes() < 4 << 20).ifPresent(EnclaveImage::mrEnclave);
    return image;
  }

  @Test
  void everyCutEndsInTheOneException() {
    for (byte[] seed : seeds()) {
      int step = Math.max(1, seed.length / 400);
      for (int length = 0; length < seed.length; length += length < 600 ? 1 : step) {
        survive(Arrays.copyOf(seed, length), "cut to " + length, (length & 1) == 0);
      }
    }
  }

  @Test
  void everyDamageEndsInTheOneException() {
    List<byte[]> seeds = seeds();
    Random random = new Random(SEED);
    int refused = 0;
    for (int i = 0; i < ITERATIONS; i++) {
      byte[] seed = seeds.get(i % seeds.size());
      StringBuilder how = new StringBuilder("iteration " + i + " seed " + SEED + ":");
      byte[] file = seed.clone();
      for (int n = 0, times = 1 + random.nextInt(4); n < times; n++) {
        file = damage(file, random, how);
      }
      refused += survive(file, how.toString(), random.nextBoolean()).isEmpty() ? 1 : 0;
    }
    // Damage that hits nothing that matters is no reason to refuse; most hits something.
    assertThat(refused).isGreaterThan(ITERATIONS / 4);
  }

  private static byte[] damage(byte[] file, Random random, StringBuilder how) {
    if (file.length < 16) {
      return file;
    }
    int at = place(file, random);
    ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    switch (random.nextInt(9)) {
      case 0 -> {
        file[at] ^= (byte) (1 << random.nextInt(8));
        how.append(" flip@").append(at);
      }
      case 1, 2, 3 -> {
        int width = 1 << random.nextInt(4);
        int where = Math.min(at & -width, file.length - width);
        long value = random.nextInt(3) == 0 ? random.nextInt(file.length + 2)
            : ABSURD[random.nextInt(ABSURD.length)];
        switch (width) {
          case 1 -> file[where] = (byte) value;
          case 2 -> bytes.putShort(where, (short) value);
          case 4 -> bytes.putInt(where, (int) value);
          default -> bytes.putLong(where, value);
        }
        how.append(" set").append(width).append('@').append(where).append('=').append(value);
      }
      case 4 -> {
        int length = Math.min(1 + random.nextInt(64), file.length - at);
        byte[] noise = new byte[length];
        random.nextBytes(noise);
        System.arraycopy(noise, 0, file, at, length);
        how.append(" noise@").append(at).append('+').append(length);
      }
      case 5 -> {
        int length = Math.min(8 << random.nextInt(5), file.length / 2);
        int from = random.nextInt(file.length - length);
        int to = Math.min(at, file.length - length);
        byte[] part = Arrays.copyOfRange(file, from, from + length);
        System.arraycopy(file, to, file, from, length);
        System.arraycopy(part, 0, file, to, length);
        how.append(" swap@").append(from).append(',').append(to).append('+').append(length);
      }
      case 6 -> {
        how.append(" cut@").append(at);
        return Arrays.copyOf(file, at);
      }
      case 7 -> {
        int more = random.nextInt(20_000);
        how.append(" grow+").append(more);
        return Arrays.copyOf(file, file.length + more);
      }
      default -> {
        // One field takes another's value: tables that point into each other.
        int from = Math.min(place(file, random) & -8, file.length - 8);
        bytes.putLong(Math.min(at & -8, file.length - 8), bytes.getLong(from));
        how.append(" copy8@").append(from).append("->").append(at);
      }
    }
    return file;
  }

  /** A place in the file, mostly one where structure is: headers, metadata, tables at the end. */
  private static int place(byte[] file, Random random) {
    int[] starts = {0, 64, 0x300, 0x500, 0x600, 0x700, TinyEnclaves.OE_INFO, 0x2100, TinyEnclaves.NOTE,
        TinyEnclaves.METADATA, TinyEnclaves.METADATA + 1872, TinyEnclaves.METADATA + 1904 + 1840,
        TinyEnclaves.METADATA + 1904 + 1976, TinyEnclaves.METADATA + 1904 + 2600, file.length - 600};
    int at = random.nextInt(5) == 0 ? random.nextInt(file.length)
        : starts[random.nextInt(starts.length)] + random.nextInt(260);
    return Math.floorMod(at, file.length);
  }

  /** Every bit of the file that a measured page is made of decides MRENCLAVE. */
  @Test
  void everyFlipInAMeasuredPageShows() {
    byte[] seed = SdkImageTest.signed(Variant.PLAIN, SMALL);
    Digest32 wanted = read(seed).sigstruct().orElseThrow().enclaveHash();
    assertThat(read(seed).mrEnclave()).isEqualTo(wanted);
    ElfFile elf = ElfFile.read(new HostileBytes(MemorySegment.ofArray(seed), "seed"));
    Random random = new Random(SEED);
    int changed = 0;
    for (int i = 0; i < 300; i++) {
      ProgramHeader load = elf.loads().get(random.nextInt(elf.loads().size()));
      int at = (int) (load.fileOffset() + random.nextLong(load.fileSize()));
      boolean patched = at >= TinyEnclaves.GLOBAL_DATA && at < TinyEnclaves.GLOBAL_DATA + TinyEnclaves.GLOBAL_DATA_BYTES
          || at >= ElfFile.E_SHOFF && at < ElfFile.E_SHOFF + 8 || at >= ElfFile.E_SHNUM && at < 64;
      if (patched) {
        continue;
      }
      byte[] flipped = seed.clone();
      flipped[at] ^= (byte) (1 << random.nextInt(8));
      Optional<EnclaveImage> image = survive(flipped, "flip at " + at, false);
      if (image.isPresent()) {
        assertThat(image.get().mrEnclave()).as("flip at 0x%x", at).isNotEqualTo(wanted);
        changed++;
      }
    }
    assertThat(changed).isGreaterThan(100);
  }
}
