package org.enclavisor.image;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.HostileBytes;
import org.enclavisor.image.openenclave.OpenEnclaveReader;
import org.enclavisor.image.plain.SelftestReader;
import org.enclavisor.image.sdk.SdkReader;
import org.enclavisor.image.sgxs.SgxsReader;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.MalformedStructureException;
import org.enclavisor.isa.Measurement;
import org.enclavisor.isa.Sigstruct;

/**
 * Reads and measures enclave images of every kind. Any thread.
 *
 * <p>A file is mapped, not copied: pages of the image stay slices of it. Whoever changes the file while the image is in
 * use changes the image, and truncating it makes reading fail with an {@link InternalError}; read the bytes first and
 * hand them over where that matters.
 */
public final class Images {
  private Images() {}

  /**
   * Reads an image with {@link ImageOptions#DEFAULT}.
   *
   * @throws MalformedImageException if the file is no enclave image, or a broken one
   * @throws UncheckedIOException if it cannot be read at all
   */
  public static EnclaveImage read(Path file) {
    return read(file, ImageOptions.DEFAULT);
  }

  /**
   * Reads an image. Beside an SGXS stream {@code X.sgxs} the SIGSTRUCT {@code X.sig} and the token {@code X.token} are
   * taken where they exist.
   *
   * @throws MalformedImageException if the file is no enclave image, or a broken one
   * @throws UncheckedIOException if it cannot be read at all
   */
  public static EnclaveImage read(Path file, ImageOptions options) {
    EnclaveImage image = read(map(file), file.getFileName().toString(), options);
    if (image.sigstruct().isEmpty()) {
      Optional<MemorySegment> sigstruct = beside(file, ".sig");
      if (sigstruct.isPresent()) {
        image = withSigstruct(image, sigstruct.get(), file);
      }
    }
    Optional<MemorySegment> token = beside(file, ".token");
    if (image.kind() == EnclaveImage.Kind.SGXS && token.isPresent()) {
      image = withToken(image, token.get(), file);
    }
    return image;
  }

  /** Reads an image from memory with {@link ImageOptions#DEFAULT}. The bytes must not change afterwards. */
  public static EnclaveImage read(MemorySegment file, String name) {
    return read(file, name, ImageOptions.DEFAULT);
  }

  /**
   * Reads an image from memory. The bytes must not change afterwards; they are not changed here.
   *
   * @throws MalformedImageException if they are no enclave image, or a broken one
   */
  public static EnclaveImage read(MemorySegment file, String name, ImageOptions options) {
    try {
      return readAny(file.asReadOnly(), name, options);
    } catch (InternalError e) {
      // What the JDK makes of SIGBUS: a mapped file that became shorter.
      throw new MalformedImageException(name, -1, "a file that stays as it is while it is read",
          String.valueOf(e.getMessage()));
    }
  }

  private static EnclaveImage readAny(MemorySegment bytes, String name, ImageOptions options) {
    if (SgxsReader.recognizes(bytes)) {
      return SgxsReader.read(new HostileBytes(bytes, name));
    }
    if (!ElfFile.recognizes(bytes)) {
      throw new MalformedImageException(name, 0, "an ELF file or an SGXS stream", "neither's first bytes");
    }
    ElfFile elf = ElfFile.read(new HostileBytes(bytes, name));
    if (elf.section(SdkReader.SECTION).isPresent()) {
      Simulation.refuse(elf);
      return SdkReader.read(elf, options);
    }
    if (elf.section(OpenEnclaveReader.SECTION).isPresent()) {
      Simulation.refuse(elf);
      return OpenEnclaveReader.read(elf);
    }
    if (SelftestReader.recognizes(elf)) {
      Simulation.refuse(elf);
      return SelftestReader.read(elf, options);
    }
    throw new MalformedImageException(name, -1, "the section " + SdkReader.SECTION + " (Intel SDK), "
        + OpenEnclaveReader.SECTION + " (Open Enclave), or a first loadable segment that is a TCS (Linux selftest)",
        "an ELF file with none of them");
  }

  /** MRENCLAVE of an image. */
  public static Digest32 measure(EnclaveImage image) {
    return measure(image, _ -> {});
  }

  /**
   * MRENCLAVE of an image.
   *
   * @param progress told after every run of pages how many pages of {@link EnclaveImage#pageCount} are done
   */
  public static Digest32 measure(EnclaveImage image, LongConsumer progress) {
    Measurement measurement = Measurement.ecreate(image.secs().ssaFrameSize(), image.secs().size());
    long done = 0;
    for (PageRun run : image.pages()) {
      for (long i = 0; i < run.pages(); i++) {
        if (run.measured()) {
          measurement.page(run.offset() + i * PageRun.PAGE, run.secinfo(), run.page(i));
        } else {
          measurement.eadd(run.offset() + i * PageRun.PAGE, run.secinfo());
        }
      }
      done += run.pages();
      progress.accept(done);
    }
    return measurement.mrEnclave();
  }

  private static MemorySegment map(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), Arena.ofAuto());
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  private static Optional<MemorySegment> beside(Path file, String suffix) {
    String name = file.getFileName().toString();
    int dot = name.lastIndexOf('.');
    Path other = file.resolveSibling((dot > 0 ? name.substring(0, dot) : name) + suffix);
    return Files.isRegularFile(other) ? Optional.of(map(other)) : Optional.empty();
  }

  private static EnclaveImage withSigstruct(EnclaveImage image, MemorySegment bytes, Path file) {
    try {
      return image.withSigstruct(Sigstruct.read(bytes));
    } catch (MalformedStructureException e) {
      throw malformed("the SIGSTRUCT beside " + file.getFileName(), e);
    }
  }

  private static EnclaveImage withToken(EnclaveImage image, MemorySegment bytes, Path file) {
    try {
      return image.withToken(Einittoken.read(bytes));
    } catch (MalformedStructureException e) {
      throw malformed("the EINITTOKEN beside " + file.getFileName(), e);
    }
  }

  private static MalformedImageException malformed(String what, MalformedStructureException e) {
    return new MalformedImageException(what + ": " + e.structure() + "." + e.field(), e.offset(), e.expected(),
        e.found());
  }
}
