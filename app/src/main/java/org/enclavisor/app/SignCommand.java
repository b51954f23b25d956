package org.enclavisor.app;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.enclavisor.image.Images;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.image.sign.EnclaveSigner;
import org.enclavisor.image.sign.PemKeys;
import org.enclavisor.image.sign.SigningConfig;
import org.enclavisor.image.sign.SigningOptions;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code enclavisor sign}, {@code sign gendata} and {@code sign catsig}. */
@Command(
    name = "sign",
    mixinStandardHelpOptions = true,
    subcommands = {SignCommand.Gendata.class, SignCommand.Catsig.class},
    description = {
      "Sign an enclave built with the Intel SDK's conventions, from the same XML configuration as sgx_sign.",
      "In one step with a private key; or in two, gendata and catsig, where the key stays elsewhere."
    },
    footer = {
      "",
      "One step:",
      "  enclavisor sign hello.so --config enclave.xml --key signer.pem -o hello.signed.so",
      "Two steps:",
      "  enclavisor sign gendata hello.so --config enclave.xml -o hello.material",
      "  openssl dgst -sha256 -sign signer.pem -out hello.sig hello.material     (wherever the key is)",
      "  enclavisor sign catsig hello.so --config enclave.xml --material hello.material \\",
      "      --public-key signer-public.pem --signature hello.sig -o hello.signed.so"
    })
final class SignCommand implements Callable<Integer> {
  private static final String HELP = "See: enclavisor sign --help";

  @Mixin private Output output;
  @Mixin private Input input;

  @Option(names = "--key", paramLabel = "PEM", description = "The private key: RSA, 3072 bits, exponent 3.")
  private @Nullable Path key;

  @Option(names = "--date", paramLabel = "YYYY-MM-DD", description = "The SIGSTRUCT's date; today if not given.")
  private @Nullable LocalDate date;

  /** What all three ways need. */
  static final class Input {
    @Parameters(arity = "0..1", paramLabel = "ENCLAVE", description = "The unsigned enclave.")
    private @Nullable Path enclave;

    @Option(
        names = "--config", paramLabel = "XML", description = "sgx_sign's configuration; its defaults if not given.")
    private @Nullable Path config;

    @Option(names = {"-o", "--out"}, paramLabel = "FILE", description = "Where to write the result.")
    private @Nullable Path out;

    @Option(names = "--resign", description = "Accept an enclave that is signed already, and sign it anew.")
    private boolean resign;

    @Option(names = "--allow-text-relocations", description = "Accept relocations in code.")
    private boolean textRelocations;

    @Option(names = "--allow-init-section", description = "Accept an .init section.")
    private boolean initSection;

    @Option(
        names = "--fips-provider",
        paramLabel = "FILE",
        description = "The OpenSSL FIPS provider that EnableOSSLFIPS appends to the enclave.")
    private @Nullable Path fipsProvider;

    Path enclave() {
      return required(enclave, "ENCLAVE", "the unsigned enclave");
    }

    Path out() {
      return required(out, "--out", "where to write the result");
    }

    String name() {
      return enclave().getFileName().toString();
    }

    SigningConfig config() {
      return config == null ? SigningConfig.DEFAULT : SigningConfig.read(existing(config));
    }

    SigningOptions options(@Nullable LocalDate date) {
      SigningOptions options =
          new SigningOptions(date == null ? LocalDate.now() : date, textRelocations, initSection, resign);
      return fipsProvider == null ? options : options.withFipsProvider(MemorySegment.ofArray(bytes(fipsProvider)));
    }
  }

  @Override
  public Integer call() {
    Path keyFile = existing(required(key, "--key", "the private key"));
    byte[] signed =
        explained(
            () ->
                EnclaveSigner.sign(
                    bytes(input.enclave()),
                    input.name(),
                    input.config(),
                    PemKeys.readPrivate(keyFile),
                    input.options(date)));
    finish(output, input.out(), signed);
    return ExitCode.OK;
  }

  @Command(
      name = "gendata",
      mixinStandardHelpOptions = true,
      description = "First half: write the 256 bytes that have to be signed. Needs no key.")
  static final class Gendata implements Callable<Integer> {
    @Mixin private Output output;
    @Mixin private Input input;

    @Option(names = "--date", paramLabel = "YYYY-MM-DD", description = "The SIGSTRUCT's date; today if not given.")
    private @Nullable LocalDate date;

    @Override
    public Integer call() {
      byte[] material =
          explained(
              () ->
                  EnclaveSigner.signingMaterial(
                      bytes(input.enclave()), input.name(), input.config(), input.options(date)));
      write(input.out(), material);
      output.line("%s  %d bytes to be signed with RSA PKCS #1 v1.5 and SHA-256", input.out(), material.length);
      output.value(Map.of("out", input.out().toString(), "bytes", material.length));
      return ExitCode.OK;
    }
  }

  @Command(
      name = "catsig",
      mixinStandardHelpOptions = true,
      description = "Second half: put a signature that was made elsewhere into the enclave.")
  static final class Catsig implements Callable<Integer> {
    @Mixin private Output output;
    @Mixin private Input input;

    @Option(names = "--material", required = true, paramLabel = "FILE", description = "What gendata wrote.")
    private Path material;

    @Option(names = "--public-key", required = true, paramLabel = "PEM", description = "The signer's public key.")
    private Path publicKey;

    @Option(names = "--signature", required = true, paramLabel = "FILE", description = "384 bytes, big-endian.")
    private Path signature;

    @Override
    public Integer call() {
      byte[] signed =
          explained(
              () ->
                  EnclaveSigner.complete(
                      bytes(input.enclave()),
                      input.name(),
                      input.config(),
                      input.options(null),
                      bytes(material),
                      PemKeys.readPublic(existing(publicKey)),
                      bytes(signature)));
      finish(output, input.out(), signed);
      return ExitCode.OK;
    }
  }

  /** What is malformed may be the enclave, its configuration, a key or a signature: the message names it. */
  private static byte[] explained(Supplier<byte[]> signing) {
    try {
      return signing.get();
    } catch (MalformedImageException e) {
      throw new Failure(ExitCode.BAD_INPUT, e.getMessage(), "Correct what is named; docs/signing.md shows the way.");
    }
  }

  private static void finish(Output output, Path out, byte[] signed) {
    write(out, signed);
    var image = Images.read(out);
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("out", out.toString());
    tree.put("mrenclave", image.mrEnclave().hex());
    tree.put("mrsigner", image.sigstruct().orElseThrow().mrSigner().hex());
    output.line("%s", out);
    output.line("  MRENCLAVE  %s", tree.get("mrenclave"));
    output.line("  MRSIGNER   %s", tree.get("mrsigner"));
    output.value(tree);
  }

  private static <T> T required(@Nullable T value, String name, String what) {
    if (value == null) {
      throw new Failure(ExitCode.USAGE, name + " is missing: " + what, HELP);
    }
    return value;
  }

  private static Path existing(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new Failure(ExitCode.BAD_INPUT, file + ": no such file", HELP);
    }
    return file;
  }

  private static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(existing(file));
    } catch (IOException e) {
      throw new Failure(ExitCode.BAD_INPUT, file + " cannot be read: " + e.getMessage(), "");
    }
  }

  private static void write(Path file, byte[] bytes) {
    try {
      Files.write(file, bytes);
    } catch (IOException e) {
      throw new Failure(ExitCode.BAD_INPUT, file + " cannot be written: " + e.getMessage(), "");
    }
  }
}
