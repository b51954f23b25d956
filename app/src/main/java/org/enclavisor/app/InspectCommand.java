package org.enclavisor.app;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.PageRun;
import org.enclavisor.image.Region;
import org.enclavisor.image.ThreadSlot;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SignatureCheck;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.isa.SigstructBody;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code enclavisor inspect}: what is in an image, without running it. */
@Command(
    name = "inspect",
    mixinStandardHelpOptions = true,
    description = "Show what is in an enclave image: identity, signature, layout, threads, attributes.",
    footer = {"", "Example: enclavisor inspect examples/hello"})
final class InspectCommand implements Callable<Integer> {
  @Mixin private Output output;

  @Parameters(paramLabel = "PATH", description = "An image, or a folder with enclave.toml.")
  private Path path;

  @Override
  public Integer call() {
    EnclaveImage image = ImageFile.read(path);
    Digest32 mrEnclave = MeasureCommand.measure(image);
    if (output.json) {
      output.value(tree(image, mrEnclave));
    } else {
      print(image, mrEnclave);
    }
    return ExitCode.OK;
  }

  private void print(EnclaveImage image, Digest32 mrEnclave) {
    output.line("%s  (%s)", image.name(), kind(image));
    output.line("");
    output.line("identity");
    output.line("  MRENCLAVE      %s", mrEnclave.hex());
    image.sigstruct().ifPresentOrElse(
        sigstruct -> printSigstruct(sigstruct, mrEnclave),
        () -> output.line("  no SIGSTRUCT: EINIT will refuse it until it is signed"));
    Secs secs = image.secs();
    output.line("");
    output.line("SECS");
    output.line("  size           %s  (0x%x)", Sizes.bytes(secs.size()), secs.size());
    output.line("  SSAFRAMESIZE   %d page%s", secs.ssaFrameSize(), secs.ssaFrameSize() == 1 ? "" : "s");
    output.line("  attributes     %s", secs.attributes());
    output.line("  MISCSELECT     %s", secs.miscSelect());
    printLayout(image);
    printThreads(image.threads());
  }

  private void printSigstruct(Sigstruct sigstruct, Digest32 mrEnclave) {
    SigstructBody body = sigstruct.body();
    output.line("  MRSIGNER       %s", sigstruct.mrSigner().hex());
    output.line("  ISVPRODID      %d", body.isvProdId());
    output.line("  ISVSVN         %d", body.isvSvn());
    output.line("");
    output.line("SIGSTRUCT");
    output.line("  date           %s", date(body.date()));
    output.line("  vendor         0x%x", body.vendor());
    output.line("  attributes     %s", body.attributes());
    output.line("  mask           flags=0x%x XFRM=0x%x", body.attributeMask().flags(), body.attributeMask().xfrm());
    output.line("  MISCSELECT     %s, mask %s", body.miscSelect(), body.miscMask());
    output.line("  signature      %s", signature(sigstruct));
    output.line(
        "  ENCLAVEHASH    %s",
        body.enclaveHash().equals(mrEnclave)
            ? "equals MRENCLAVE"
            : body.enclaveHash().hex() + " DIFFERS from MRENCLAVE: EINIT will refuse it");
  }

  /** By address, so that a guard stands between its neighbours; the order of EADD is in the JSON form. */
  private void printLayout(EnclaveImage image) {
    output.line("");
    output.line("layout        offset        size  type  perm  measured  part");
    SortedMap<Long, String> lines = new TreeMap<>();
    for (PageRun run : image.pages()) {
      String type = run.secinfo().type().name();
      String measured = run.measured() ? "yes" : "no";
      lines.put(run.offset(), row(run.offset(), run.length(), type, run.secinfo().permissions(), measured, run.part()));
    }
    for (Region region : image.reserved()) {
      lines.put(
          region.offset(), row(region.offset(), region.length(), "-", region.permissions(), "-", region.part()));
    }
    lines.values().forEach(line -> output.line(line));
  }

  private static String row(
      long offset, long length, String type, Permissions permissions, String measured, String part) {
    return "  %18s  %10s  %-4s  %s   %-8s  %s"
        .formatted("0x" + Long.toHexString(offset), Sizes.bytes(length), type, permissions, measured, part);
  }

  private void printThreads(List<ThreadSlot> threads) {
    output.line("");
    output.line("threads");
    for (ThreadSlot thread : threads) {
      output.line(
          "  TCS 0x%x  entry 0x%x  NSSA %d at 0x%x%s",
          thread.offset(),
          thread.tcs().oentry(),
          thread.tcs().nssa(),
          thread.tcs().ossa(),
          thread.dynamic() ? "  (added later)" : "");
    }
  }

  private static Map<String, Object> tree(EnclaveImage image, Digest32 mrEnclave) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("name", image.name());
    tree.put("kind", image.kind().name());
    tree.put("mrenclave", mrEnclave.hex());
    image.sigstruct().ifPresent(sigstruct -> tree.put("sigstruct", sigstructTree(sigstruct)));
    Secs secs = image.secs();
    tree.put(
        "secs",
        Map.of(
            "size", secs.size(),
            "ssaFrameSize", secs.ssaFrameSize(),
            "attributes", secs.attributes().toString(),
            "miscSelect", secs.miscSelect().toString()));
    List<Object> pages = new ArrayList<>();
    for (PageRun run : image.pages()) {
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("offset", run.offset());
      entry.put("length", run.length());
      entry.put("type", run.secinfo().type().name());
      entry.put("permissions", run.secinfo().permissions().toString());
      entry.put("measured", run.measured());
      entry.put("part", run.part());
      pages.add(entry);
    }
    tree.put("pages", pages);
    tree.put(
        "threads",
        image.threads().stream()
            .map(
                thread ->
                    Map.of(
                        "tcs", thread.offset(),
                        "entry", thread.tcs().oentry(),
                        "nssa", thread.tcs().nssa(),
                        "dynamic", thread.dynamic()))
            .toList());
    return tree;
  }

  private static Map<String, Object> sigstructTree(Sigstruct sigstruct) {
    SigstructBody body = sigstruct.body();
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("mrsigner", sigstruct.mrSigner().hex());
    tree.put("enclaveHash", body.enclaveHash().hex());
    tree.put("isvProdId", body.isvProdId());
    tree.put("isvSvn", body.isvSvn());
    tree.put("date", date(body.date()));
    tree.put("attributes", body.attributes().toString());
    tree.put("attributeMask", body.attributeMask().toString());
    tree.put("signature", signature(sigstruct));
    return tree;
  }

  private static String kind(EnclaveImage image) {
    return switch (image.kind()) {
      case INTEL_SDK -> "Intel SDK enclave" + image.metadata().map(m -> ", metadata " + m.version()).orElse("");
      case OPEN_ENCLAVE -> "Open Enclave";
      case SGXS -> "SGXS stream";
      case LINUX_SELFTEST -> "plain ELF, TCS first";
    };
  }

  private static String signature(Sigstruct sigstruct) {
    return switch (sigstruct.verify()) {
      case SignatureCheck.Valid _ -> "valid";
      case SignatureCheck.Invalid(String field, String expected, String found) ->
          "INVALID: %s: expected %s, found %s".formatted(field, Sizes.shorten(expected), Sizes.shorten(found));
    };
  }

  /** DATE is binary-coded: 0x20261120. */
  private static String date(int date) {
    return "%04x-%02x-%02x".formatted(date >>> 16, date >>> 8 & 0xFF, date & 0xFF);
  }
}
