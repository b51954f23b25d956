package org.enclavisor.app;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.HostException;
import org.enclavisor.host.LoadException;
import org.enclavisor.image.Images;
import org.enclavisor.isa.Digest32;
import org.enclavisor.testkit.ProcessView;
import org.enclavisor.testkit.Seeded;

/**
 * Damages the committed samples and sends them through the whole way from file to EINIT. Run by
 * {@link MalformedImageTest} in a JVM with little memory: {@code MalformedCorpus SEED COUNT}. Ends with status 0 if
 * every image was refused with an exception that names a field, or was loaded as the very enclave that was signed.
 */
final class MalformedCorpus {
  private static final List<String> SAMPLES = List.of("hello", "threads", "exceptions", "calls", "fpavx");
  private static final Duration MOST = Duration.ofSeconds(60);
  private static final int FILE_HEADER = 64;

  private final Seeded seeded;
  private final Hosting hosting;
  private final Path file;
  private final Map<String, Integer> outcomes = new TreeMap<>();
  private String how = "";
  private long longest;
  private String longestHow = "";

  private MalformedCorpus(long seed, Hosting hosting, Path file) {
    seeded = Seeded.of(seed);
    this.hosting = hosting;
    this.file = file;
  }

  /** @param arguments a seed and how many images to try */
  public static void main(String[] arguments) throws IOException {
    long seed = Long.parseLong(arguments[0]);
    Path folder = Files.createTempDirectory("malformed");
    Path file = folder.resolve("damaged.signed.so");
    try (var hosting = Hosting.on(Way.STUB)) {
      new MalformedCorpus(seed, hosting, file).run(Integer.parseInt(arguments[1]));
    } finally {
      Files.deleteIfExists(file);
      Files.delete(folder);
    }
  }

  private void run(int count) throws IOException {
    for (int i = 0; i < count; i++) {
      String sample = SAMPLES.get(i % SAMPLES.size());
      byte[] original = Files.readAllBytes(Hosting.image(sample));
      how = i + " " + sample + ":";
      byte[] damaged = original.clone();
      for (int times = 1 + seeded.below(3); times > 0; times--) {
        damaged = damage(damaged);
      }
      Files.deleteIfExists(file); // a new file: the old one may still be mapped
      Files.write(file, damaged);
      long start = System.nanoTime();
      count(outcome(sample));
      long took = System.nanoTime() - start;
      if (took > longest) {
        longest = took;
        longestHow = how;
      }
      if (took > MOST.toNanos()) {
        throw new AssertionError(how + " took " + Duration.ofNanos(took));
      }
      if (!ProcessView.ownChildren().isEmpty() && !settled()) {
        throw new AssertionError(how + " left a process");
      }
    }
    System.out.println(outcomes + "; longest " + longest / 1_000_000 + " ms: " + longestHow);
  }

  private static boolean settled() throws IOException {
    long deadline = System.nanoTime() + 5_000_000_000L;
    while (!ProcessView.ownChildren().isEmpty() && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }
    return ProcessView.ownChildren().isEmpty();
  }

  private void count(String outcome) {
    outcomes.merge(outcome, 1, Integer::sum);
  }

  /** What became of it, by kind. Throws if that is none of what it may be. */
  private String outcome(String sample) {
    try (Enclave enclave = hosting.enclavisor().load(file, Hosting.edl(sample))) {
      Digest32 loaded = hosting.monitor().secs(enclave.id()).mrEnclave();
      if (!loaded.equals(signed(sample))) {
        throw new AssertionError(how + " was loaded as " + loaded);
      }
      return "loaded";
    } catch (LoadException e) {
      if (e.what().isBlank() || e.expected().isBlank() || e.found().isBlank() || e.nextStep().isBlank()) {
        throw new AssertionError(how + " does not say what is wrong", e);
      }
      if (String.valueOf(e.getMessage()).length() > 4000) {
        throw new AssertionError(how + " says too much", e);
      }
      return e.getCause() != null ? "malformed" : "refused";
    } catch (HostException | UncheckedIOException e) {
      throw new AssertionError(how, e);
    } catch (RuntimeException | Error e) {
      throw e instanceof AssertionError ? (AssertionError) e : new AssertionError(how + " ended with " + e, e);
    }
  }

  private static Digest32 signed(String sample) {
    return Images.read(Hosting.image(sample)).sigstruct().orElseThrow().enclaveHash();
  }

  private byte[] damage(byte[] image) {
    int kind = seeded.below(8);
    how += " " + kind;
    return switch (kind) {
      case 0 -> image.length == 0 ? image : seeded.flipBit(image);
      case 1 -> image.length == 0 ? image : seeded.truncated(image);
      case 2 -> moved(image);
      case 3 -> filled(image);
      case 4 -> field(image, 0, FILE_HEADER);
      case 5 -> table(image, 32, 54, 56); // e_phoff, e_phentsize, e_phnum
      case 6 -> table(image, 40, 58, 60); // e_shoff, e_shentsize, e_shnum
      default -> metadata(image);
    };
  }

  /** Puts one range over another, so that things overlap or lie in the wrong place. */
  private byte[] moved(byte[] image) {
    byte[] copy = image.clone();
    if (copy.length > 1) {
      int length = 1 + seeded.below(Math.min(copy.length, 4096));
      System.arraycopy(
          image, seeded.below(image.length - length + 1), copy, seeded.below(copy.length - length + 1), length);
    }
    return copy;
  }

  private byte[] filled(byte[] image) {
    byte[] copy = image.clone();
    if (copy.length > 0) {
      int from = seeded.below(copy.length);
      int to = Math.min(copy.length, from + 1 + seeded.below(256));
      Arrays.fill(copy, from, to, (byte) (seeded.chance(0.5) ? 0 : -1));
    }
    return copy;
  }

  /** Overwrites an aligned number in a range with one that breaks things. */
  private byte[] field(byte[] image, long from, long length) {
    byte[] copy = image.clone();
    int width = 1 << seeded.below(4);
    if (from < 0 || length < width || from > copy.length - width) {
      return copy;
    }
    int most = (int) Math.min(length, copy.length - from) / width;
    int at = (int) from + width * seeded.below(Math.max(1, most));
    how += "@" + at;
    ByteBuffer bytes = ByteBuffer.wrap(copy).order(ByteOrder.LITTLE_ENDIAN);
    long word = seeded.word();
    switch (width) {
      case 1 -> bytes.put(at, (byte) word);
      case 2 -> bytes.putShort(at, (short) word);
      case 4 -> bytes.putInt(at, (int) word);
      default -> bytes.putLong(at, word);
    }
    return copy;
  }

  /** A field of a table that the ELF header tells of. */
  private byte[] table(byte[] image, int offsetAt, int sizeAt, int numberAt) {
    if (image.length < FILE_HEADER) {
      return image;
    }
    ByteBuffer bytes = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
    long length = (long) Short.toUnsignedInt(bytes.getShort(sizeAt)) * Short.toUnsignedInt(bytes.getShort(numberAt));
    return field(image, bytes.getLong(offsetAt), length);
  }

  /** A field of the metadata: before the SIGSTRUCT, or behind it. */
  private byte[] metadata(byte[] image) {
    byte[] magic = {0x4c, 0x0e, 0x5d, 0x63, (byte) 0x94, 0x02, (byte) 0xa8, (byte) 0x86};
    for (int i = 0; i + magic.length <= image.length; i++) {
      if (Arrays.equals(image, i, i + magic.length, magic, 0, magic.length)) {
        return seeded.chance(0.3) ? field(image, i, 64) : field(image, i + 64 + 1808, 2048);
      }
    }
    return image;
  }
}
