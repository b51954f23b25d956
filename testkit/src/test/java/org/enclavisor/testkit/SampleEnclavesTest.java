package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.Images;
import org.enclavisor.image.sign.EnclaveSigner;
import org.enclavisor.image.sign.PemKeys;
import org.enclavisor.image.sign.SigningConfig;
import org.enclavisor.image.sign.SigningOptions;
import org.enclavisor.isa.SignatureCheck;
import org.enclavisor.isa.Sigstruct;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The sample enclaves of {@code examples/}: sound as committed, and the bytes that their sources make. */
class SampleEnclavesTest {
  private static final Path ROOT = root();
  private static final Path EXAMPLES = ROOT.resolve("examples");

  /** As {@code sdk/sign.sh} has it. */
  private static final LocalDate DATE = LocalDate.of(2026, 1, 1);

  /** Every sample that is signed, by its folder's name. */
  static Stream<String> samples() {
    try (Stream<Path> folders = Files.list(EXAMPLES)) {
      return folders.filter(folder -> Files.exists(folder.resolve("enclave.xml")))
          .map(folder -> folder.getFileName().toString()).sorted().toList().stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @ParameterizedTest
  @MethodSource("samples")
  void theCommittedEnclaveIsWhatItsSignatureSays(String sample) {
    EnclaveImage image = Images.read(signed(sample));
    Sigstruct sigstruct = image.sigstruct().orElseThrow();
    assertThat(sigstruct.verify()).isInstanceOf(SignatureCheck.Valid.class);
    assertThat(Images.measure(image)).isEqualTo(sigstruct.enclaveHash());
    assertThat(image.kind()).isEqualTo(EnclaveImage.Kind.INTEL_SDK);
  }

  @ParameterizedTest
  @MethodSource("samples")
  void everySampleHasItsInterfaceAndDescription(String sample) throws IOException {
    Path folder = EXAMPLES.resolve(sample);
    assertThat(folder.resolve(sample + ".edl")).exists();
    assertThat(Files.readString(folder.resolve("enclave.toml"))).contains("image = \"" + sample + ".signed.so\"",
        "edl = \"" + sample + ".edl\"");
  }

  @Test
  void rebuildingAndSigningGivesTheCommittedBytes(@TempDir Path built) throws IOException, InterruptedException {
    String wanted = Files.readString(EXAMPLES.resolve("toolchain.txt")).strip();
    String here = firstLine("gcc", "--version") + "\n" + firstLine("ld", "--version");
    assumeTrue(here.equals(wanted), () -> "the samples were built with\n" + wanted + "\nand this machine has\n" + here);
    run(List.of(ROOT.resolve("sdk/build.sh").toString(), built.toString()));

    var key = PemKeys.readPrivate(ROOT.resolve("sdk/keys/sample-key.pem"));
    for (String sample : samples().toList()) {
      byte[] enclave = Files.readAllBytes(built.resolve(sample + ".so"));
      var config = SigningConfig.read(EXAMPLES.resolve(sample).resolve("enclave.xml"));
      Path again = built.resolve(sample + ".signed.so");
      Files.write(again, EnclaveSigner.sign(enclave, sample, config, key, SigningOptions.on(DATE)));
      assertThat(Images.measure(Images.read(again))).as("MRENCLAVE of %s", sample)
          .isEqualTo(Images.measure(Images.read(signed(sample))));
      assertThat(again).as(sample).hasSameBinaryContentAs(signed(sample));
    }
    assertThat(built.resolve("bare.so")).hasSameBinaryContentAs(EXAMPLES.resolve("bare/bare.so"));
    assertThat(built.resolve("kernels.native")).hasSameBinaryContentAs(EXAMPLES.resolve("kernels/kernels.native"));
  }

  private static Path signed(String sample) {
    return EXAMPLES.resolve(sample).resolve(sample + ".signed.so");
  }

  /** Empty if there is no such program. */
  private static String firstLine(String... command) throws InterruptedException {
    try {
      return run(List.of(command)).lines().findFirst().orElse("");
    } catch (IOException e) {
      return "";
    }
  }

  private static String run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes());
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).as("%s ended", command).isTrue();
    assertThat(process.exitValue()).as("%s: %s", command, output).isZero();
    return output;
  }

  /** The project's folder: tests run in a module's. */
  private static Path root() {
    for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
      if (Files.exists(folder.resolve("sdk/build.sh"))) {
        return folder;
      }
    }
    throw new IllegalStateException("not in the project's folder");
  }
}
