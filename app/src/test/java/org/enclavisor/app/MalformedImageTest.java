package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.enclavisor.host.Enclavisor;
import org.enclavisor.host.HostConfig;
import org.enclavisor.host.LoadException;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.Images;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.image.PageRun;
import org.enclavisor.image.sdk.SdkMetadata;
import org.enclavisor.isa.PageType;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.testkit.Seeded;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Images that are not what was signed: every one is refused, and the refusal says why. */
class MalformedImageTest {
  /** Of long runs of pages that are all alike, every so many is tried. */
  private static final int STEP = 8;

  @Test
  void aDamagedImageIsRefusedOrHarmless() throws IOException, InterruptedException {
    corpus(20260101, 400);
  }

  @Test
  @Tag("soak")
  void manyDamagedImages() throws IOException, InterruptedException {
    corpus(Long.getLong("enclavisor.seed", System.nanoTime()), 20_000);
  }

  /** In a JVM of its own whose memory an attacker's numbers would soon fill. */
  private static void corpus(long seed, int count) throws IOException, InterruptedException {
    Process jvm =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC", "-Xmx64m", "-XX:MaxDirectMemorySize=16m",
                "-cp", System.getProperty("java.class.path"),
                MalformedCorpus.class.getName(), Long.toString(seed), Integer.toString(count))
            .redirectErrorStream(true)
            .start();
    try {
      String output = new String(jvm.getInputStream().readAllBytes());
      assertThat(jvm.waitFor(10, TimeUnit.SECONDS)).isTrue();
      System.out.println("MalformedImageTest, seed " + seed + ": " + output.strip());
      assertThat(jvm.exitValue()).as("seed %d: %s", seed, output).isZero();
      assertThat(output).as("it tried what is refused early and late").contains("malformed=", "refused=", "loaded=");
    } finally {
      jvm.destroyForcibly();
    }
  }

  private static EnclaveImage withPage(EnclaveImage image, int number, MemorySegment content) {
    List<PageRun> pages = new ArrayList<>(image.pages());
    PageRun run = pages.get(number);
    pages.set(
        number,
        new PageRun(run.offset(), run.length(), run.secinfo(), run.measured(), Optional.of(content), run.part()));
    return new EnclaveImage(
        image.kind(), image.name(), image.secs(), image.base(), image.imageOffset(), pages, image.sigstruct(),
        image.token(), image.threads(), image.reserved(), image.protections(), image.rules(), image.metadata());
  }

  @ParameterizedTest
  @ValueSource(strings = {"hello", "threads"})
  void aFlippedBitInAnyMeasuredPageIsAnInvalidMeasurement(String sample) {
    Seeded seeded = Seeded.named("MalformedImageTest." + sample);
    EnclaveImage image = Images.read(Hosting.image(sample));
    try (var hosting = Hosting.on(Way.STUB)) {
      int pages = 0;
      for (int number = 0; number < image.pages().size(); number++) {
        PageRun run = image.pages().get(number);
        if (!run.measured()) {
          continue;
        }
        byte[] content = new byte[Math.toIntExact(run.length())];
        for (int page = 0; page < run.pages(); page++) {
          MemorySegment.copy(run.page(page), ValueLayout.JAVA_BYTE, 0, content, page * PageRun.PAGE, PageRun.PAGE);
        }
        // Every page of the file's content; of long runs of stack only some.
        for (int page = 0; page < run.pages(); page += run.content().isPresent() && !run.repeats() ? 1 : STEP) {
          byte[] changed = content.clone();
          changed[page * PageRun.PAGE + seeded.below(PageRun.PAGE)] ^= (byte) (1 << seeded.below(8));
          EnclaveImage flipped = withPage(image, number, MemorySegment.ofArray(changed));
          LoadException refusal =
              catchThrowableOfType(
                  LoadException.class,
                  () -> hosting.enclavisor().load(flipped, Hosting.edl(sample), HostConfig.defaults()));
          String what = "%s, page %d of %s".formatted(sample, page, run.part());
          assertThat(refusal).as(what).isNotNull();
          if (run.secinfo().type() == PageType.TCS) {
            // A TCS is checked by EADD too, which may be faster in finding fault with it.
            assertThat(refusal.what()).as(what).containsAnyOf("EADD", "EINIT");
          } else {
            assertThat(refusal.what()).as(what).contains("EINIT");
            assertThat(refusal.found()).as(what).contains("SGX_INVALID_MEASUREMENT");
          }
          pages++;
        }
      }
      assertThat(pages).isGreaterThan(10);
      assertThat(hosting.monitor().enclaves()).isZero();
    }
  }

  @Test
  void aFlippedBitInAnyByteOfTheSigstructIsRefused() throws IOException {
    Seeded seeded = Seeded.named("MalformedImageTest.sigstruct");
    byte[] file = Files.readAllBytes(Hosting.image("hello"));
    EnclaveImage image = Images.read(Hosting.image("hello"));
    int at = Math.toIntExact(image.metadata().orElseThrow().fileOffset()) + SdkMetadata.SIGSTRUCT_OFFSET;
    try (var hosting = Hosting.on(Way.STUB)) {
      for (int i = 0; i < Sigstruct.BYTES; i++) {
        byte[] changed = file.clone();
        changed[at + i] ^= (byte) (1 << seeded.below(8));
        String what = "SIGSTRUCT byte " + i;
        EnclaveImage flipped;
        try {
          flipped = Images.read(MemorySegment.ofArray(changed), "flipped");
        } catch (MalformedImageException e) {
          assertThat(e.what()).as(what).containsIgnoringCase("SIGSTRUCT");
          assertThat(e.offset()).as(what).isBetween((long) at, (long) at + i);
          continue;
        }
        assertThat(flipped.sigstruct().orElseThrow().verify().getClass().getSimpleName()).as(what).isEqualTo("Invalid");
        if (i % 16 == 0) { // the rest would say the same, and costs a process each
          LoadException refusal =
              catchThrowableOfType(
                  LoadException.class,
                  () -> hosting.enclavisor().load(flipped, Hosting.edl("hello"), HostConfig.defaults()));
          assertThat(refusal).as(what).isNotNull();
          assertThat(refusal.found()).as(what).containsAnyOf("SGX_INVALID_SIGNATURE", "SGX_INVALID_SIG_STRUCT",
              "ATTRIBUTES", "MISCSELECT", "XFRM");
        }
      }
    }
  }

  @Test
  void theSignatureOfAnotherEnclaveIsRefused() {
    Sigstruct other = Images.read(Hosting.image("fpavx")).sigstruct().orElseThrow();
    EnclaveImage image = Images.read(Hosting.image("hello")).withSigstruct(other);
    try (var hosting = Hosting.on(Way.STUB)) {
      assertThatThrownBy(() -> hosting.enclavisor().load(image, Hosting.edl("hello"), HostConfig.defaults()))
          .isInstanceOf(LoadException.class)
          .hasMessageContaining("SGX_INVALID_MEASUREMENT");
    }
  }

  @Test
  void aSignerThatMayNotLaunchIsRefused() {
    var sigstruct = Images.read(Hosting.image("hello")).sigstruct().orElseThrow();
    try (var only = Enclavisor.open(Way.STUB.open(), MonitorConfig.defaults().withLaunchKeyHash(sigstruct.mrSigner()));
        var enclave = only.load(Hosting.image("hello"), Hosting.edl("hello"))) {
      assertThat(enclave.isolation().text()).isEqualTo("host-isolation: none");
    }
    try (var others =
        Enclavisor.open(Way.STUB.open(), MonitorConfig.defaults().withLaunchKeyHash(sigstruct.enclaveHash()))) {
      assertThatThrownBy(() -> others.load(Hosting.image("hello"), Hosting.edl("hello")))
          .isInstanceOf(LoadException.class)
          .hasMessageContaining("SGX_INVALID_EINITTOKEN");
    }
  }

  @Test
  void whatIsNoEnclaveSaysSo() throws IOException {
    Path folder = Files.createTempDirectory("no-enclave");
    try (var hosting = Hosting.on(Way.STUB)) {
      Path empty = Files.createFile(folder.resolve("empty.so"));
      Path text = Files.writeString(folder.resolve("text.so"), "#!/bin/sh\necho I am no enclave\n");
      for (Path file : List.of(empty, text, Hosting.EXAMPLES.resolve("kernels/kernels.native"), Path.of("/bin/sh"))) {
        assertThatThrownBy(() -> hosting.enclavisor().load(file, Hosting.edl("hello")))
            .as(file.toString())
            .isInstanceOf(LoadException.class)
            .hasCauseInstanceOf(MalformedImageException.class);
      }
      assertThatThrownBy(
              () -> hosting.enclavisor().load(Hosting.EXAMPLES.resolve("bare/bare.so"), Hosting.edl("hello")))
          .isInstanceOf(LoadException.class)
          .hasMessageContaining("SIGSTRUCT");
      assertThatThrownBy(() -> hosting.enclavisor().load(folder.resolve("none.so"), Hosting.edl("hello")))
          .isInstanceOf(java.io.UncheckedIOException.class);
    } finally {
      try (var files = Files.list(folder)) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(folder);
    }
  }

  @Test
  void theBytesOfTheSampleAreWhatIsLoaded() {
    // The twin of the tests above: nothing flipped, and all goes well.
    EnclaveImage image = Images.read(Hosting.image("hello"));
    PageRun first = image.pages().getFirst();
    byte[] same = first.content().orElseThrow().toArray(ValueLayout.JAVA_BYTE);
    try (var hosting = Hosting.on(Way.STUB);
        var enclave =
            hosting.enclavisor().load(
                withPage(image, 0, MemorySegment.ofArray(same)), Hosting.edl("hello"), HostConfig.defaults())) {
      assertThat(hosting.monitor().secs(enclave.id()).mrEnclave())
          .isEqualTo(image.sigstruct().orElseThrow().enclaveHash());
    }
  }
}
