package org.enclavisor.app;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.enclavisor.image.Difference;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.Images;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Sigstruct;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code enclavisor measure}: MRENCLAVE of an image, and where it comes to differ from another. */
@Command(
    name = "measure",
    mixinStandardHelpOptions = true,
    description = {
      "Compute MRENCLAVE and compare it with the SIGSTRUCT.",
      "Given a reference image, name the first page or field in which the two differ."
    },
    footer = {
      "",
      "Example: enclavisor measure build/hello.signed.so --reference examples/hello",
      "Exit status 1: MRENCLAVE differs from the SIGSTRUCT or from the reference."
    })
final class MeasureCommand implements Callable<Integer> {
  @Mixin private Output output;

  @Parameters(paramLabel = "PATH", description = "An image, or a folder with enclave.toml.")
  private Path path;

  @Option(
      names = "--reference", paramLabel = "PATH", description = "An image, or a folder, that it should be equal to.")
  private @Nullable Path reference;

  @Override
  public Integer call() {
    EnclaveImage image = ImageFile.read(path);
    EnclaveImage other = reference == null ? null : ImageFile.read(reference);
    Digest32 mrEnclave = measure(image);
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("mrenclave", mrEnclave.hex());
    output.line("%s  %s", mrEnclave.hex(), image.name());
    boolean same = compareWithSignature(image, mrEnclave, tree);
    if (other != null) {
      same &= compareWithReference(image, other, tree);
    }
    output.value(tree);
    return same ? ExitCode.OK : ExitCode.NO;
  }

  private boolean compareWithSignature(EnclaveImage image, Digest32 mrEnclave, Map<String, Object> tree) {
    Optional<Digest32> signed = image.sigstruct().map(Sigstruct::enclaveHash);
    if (signed.isEmpty()) {
      output.line("  not signed");
      return true;
    }
    boolean same = signed.get().equals(mrEnclave);
    tree.put("enclaveHash", signed.get().hex());
    tree.put("equalsSigstruct", same);
    output.line(
        same
            ? "  equals the SIGSTRUCT's ENCLAVEHASH"
            : "  DIFFERS from the SIGSTRUCT's ENCLAVEHASH: " + signed.get().hex());
    if (!same && reference == null) {
      output.line("  to see which page or field differs, name an image that is right: --reference PATH");
    }
    return same;
  }

  private boolean compareWithReference(EnclaveImage image, EnclaveImage other, Map<String, Object> tree) {
    Optional<Difference> difference = Difference.between(image, other);
    tree.put("equalsReference", difference.isEmpty());
    difference.ifPresent(found -> tree.put("difference", found.toString()));
    output.line(
        difference
            .map(found -> "  first difference from " + other.name() + ": " + found)
            .orElse("  measures as " + other.name() + " does"));
    return difference.isEmpty();
  }

  static Digest32 measure(EnclaveImage image) {
    return Images.measure(image, new Progress("measuring", image.pageCount())::at);
  }
}
