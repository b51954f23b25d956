package org.enclavisor.app;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.enclavisor.app.bench.Times;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.Enclavisor;
import org.enclavisor.host.HostConfig;
import org.enclavisor.host.HostException;
import org.enclavisor.host.Isolation;
import org.enclavisor.host.OcallHandler;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.host.edl.EdlFunction;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.sign.RuntimeSigner;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.linux.WaitPolicy;
import org.enclavisor.monitor.EpcLimit;
import org.enclavisor.monitor.Monitor;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.SgxDevice;
import org.enclavisor.monitor.observe.FlightEvents;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.Platform;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code enclavisor run}: load, measure, verify, call, show. */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    description = {
      "Load an enclave, measure it, verify its signature, run it, and call it.",
      "Without an ECALL, the calls of the folder's enclave.toml are made."
    },
    footer = {
      "",
      "Examples:",
      "  enclavisor run examples/hello",
      "  enclavisor run examples/hello hello you",
      "  enclavisor run my.signed.so --edl my.edl --search-path edls my_ecall 42",
      "Arguments:",
      "  42 -1 0xff 1.5 true 'c'   numbers; also the name of an enumeration's constant",
      "  text hex:00ff @file       strings and bytes",
      "  1,2,3 x=1,y=2             an array, a structure",
      "  null _                    NULL, a buffer that is only handed back",
      "Exit status 1: an ECALL failed, or returned something else than enclave.toml expects."
    })
final class RunCommand implements Callable<Integer> {
  @Mixin private Output output;
  @Mixin private Target target;

  @Override
  public Integer call() {
    Session session = new Session(output);
    Map<String, Object> tree = new LinkedHashMap<>();
    try {
      target.run(Target.Setup.of(MonitorConfig.defaults(), session), output, session, tree);
    } catch (HostException e) {
      tree.put("calls", session.calls());
      throw Failures.of(e).after(tree);
    }
    tree.put("calls", session.calls());
    output.value(tree);
    return session.asExpected() ? ExitCode.OK : ExitCode.NO;
  }

  /** What another command puts between the host and the monitor. Its methods are called in this order. */
  interface Attachment {
    /** An image has been read, and nothing loaded yet. */
    void reading(Path file, EnclaveImage image);

    /** What the host uses instead of the monitor. */
    SgxDevice around(SgxDevice monitor, Machine machine);

    /** The enclave is ready, and nothing called yet. */
    void loaded(Enclave enclave);
  }

  /** Nothing. */
  private static final Attachment NONE =
      new Attachment() {
        @Override
        public void reading(Path file, EnclaveImage image) {}

        @Override
        public SgxDevice around(SgxDevice monitor, Machine machine) {
          return monitor;
        }

        @Override
        public void loaded(Enclave enclave) {}
      };

  /** What {@code run}, {@code trace} and {@code debug} are pointed at, and how they run it. */
  static final class Target {
    @Mixin private PlatformOptions platformOptions;

    @Parameters(index = "0", paramLabel = "PATH", description = "An image, or a folder with enclave.toml.")
    private Path path;

    @Parameters(index = "1", arity = "0..1", paramLabel = "ECALL", description = "The function to call.")
    private @Nullable String ecall;

    @Parameters(
        index = "2..*", paramLabel = "ARG",
        description = "Its arguments, in the order of the EDL; how to write them stands below.")
    private List<String> arguments = List.of();

    @Option(names = "--edl", paramLabel = "FILE", description = "The interface, if it is not beside the image.")
    private @Nullable Path edl;

    @Option(names = "--search-path", paramLabel = "FOLDER", description = "Where EDL imports are looked for.")
    private List<Path> searchPath = List.of();

    @Option(names = "--debug", description = "Ask for a debug enclave.")
    private boolean debug;

    @Option(names = "--allow-provisioning", description = "Grant PROVISIONKEY, as access to /dev/sgx_provision does.")
    private boolean provisioning;

    @Option(
        names = "--epc", paramLabel = "SIZE", converter = Sizes.Converter.class,
        description = "Bytes of EPC, as 64K, 16M or 1G; pages are evicted when it is full. Without it there is no limit.")
    private @Nullable Long epc;

    private MonitorConfig limited(MonitorConfig config) {
      if (epc == null) {
        return config;
      }
      try {
        return config.withEpc(EpcLimit.of(epc / 4096));
      } catch (IllegalArgumentException e) {
        throw new Failure(ExitCode.USAGE, "--epc: " + e.getMessage(), "A page has 4096 bytes.");
      }
    }

    /** What the command is pointed at. */
    Path path() {
      return path;
    }

    /**
     * How a command differs from {@code run}.
     *
     * @param host what it changes about hosting
     * @param ocalls who serves them
     * @param waiting how the stub platform waits, if the user does not say
     * @param repeat how often all calls are made
     * @param pauses what is done before, between and after the calls, on the platform that they run on
     */
    record Setup(
        MonitorConfig config, UnaryOperator<HostConfig> host, OcallHandler ocalls, WaitPolicy waiting, int repeat,
        Function<Platform, Pauses> pauses) {
      static Setup of(MonitorConfig config, Session session) {
        return new Setup(config, UnaryOperator.identity(), session::ocall, WaitPolicy.AUTO, 1, _ -> () -> {});
      }

      /** The same, asking for a debug enclave. */
      Setup withDebug() {
        return new Setup(config, before -> host.apply(before).withDebug(true), ocalls, waiting, repeat, pauses);
      }
    }

    /** What is done while the enclave is not called. */
    @FunctionalInterface
    interface Pauses extends AutoCloseable {
      void pause();

      @Override
      default void close() {}
    }

    void run(Setup setup, Output output, Session session, Map<String, Object> tree) {
      run(setup, output, session, tree, NONE);
    }

    void run(Setup setup, Output output, Session session, Map<String, Object> tree, Attachment attachment) {
      EnclaveFolder folder = EnclaveFolder.of(path, Optional.ofNullable(edl));
      EnclaveImage read = ImageFile.read(folder.image());
      requireCallable(read, folder);
      Edl interfaces =
          folder.edl().map(file -> Edl.read(file, searchPath)).orElseGet(() -> Edl.none("none"));
      EnclaveImage image = signed(read, output);
      attachment.reading(folder.image(), image);
      List<EnclaveFolder.Call> calls =
          ecall == null ? folder.calls() : List.of(new EnclaveFolder.Call(ecall, arguments));
      long start = System.nanoTime();
      Progress progress = new Progress("loading", image.pageCount());
      HostConfig hostConfig =
          setup
              .host()
              .apply(HostConfig.defaults().withDebug(debug).withProgress(at -> progress.at(at.doneBytes() / 4096)));
      MonitorConfig config = FlightEvents.attachedTo(limited(setup.config().withProvisioning(provisioning)));
      try (Platform platform = platformOptions.open(setup.waiting());
          Enclavisor enclavisor =
              Enclavisor.over(
                  attachment.around(new Monitor(platform, config), platform.machine()), platform.machine(),
                  Isolation.NONE);
          Enclave enclave = enclavisor.load(image, interfaces, hostConfig)) {
        enclave.serve(setup.ocalls());
        describe(image, platform, enclavisor, System.nanoTime() - start, output, tree);
        attachment.loaded(enclave);
        if (calls.isEmpty()) {
          output.line("");
          output.line("Nothing to call: %s.", whatToCall(image, folder, interfaces));
        }
        try (Pauses pauses = setup.pauses().apply(platform)) {
          pauses.pause();
          for (int i = 0; i < setup.repeat(); i++) {
            for (EnclaveFolder.Call call : calls) {
              session.call(enclave, call);
              pauses.pause();
            }
          }
        }
      }
    }

    /** Said before anything is loaded: nobody has to wait for it. */
    private void requireCallable(EnclaveImage image, EnclaveFolder folder) {
      if (ecall == null) {
        return;
      }
      if (image.kind() != EnclaveImage.Kind.INTEL_SDK) {
        throw new Failure(
            ExitCode.USAGE,
            "%s is no enclave of the Intel SDK's kind: it can be loaded, but not called".formatted(image.name()),
            "Leave out the ECALL; docs/images.md says which kinds can be called.");
      }
      if (folder.edl().isEmpty()) {
        throw new Failure(
            ExitCode.USAGE,
            "%s has no EDL, so nothing is known of an ECALL %s".formatted(image.name(), ecall),
            "Name it: --edl FILE");
      }
    }

    private static String whatToCall(EnclaveImage image, EnclaveFolder folder, Edl interfaces) {
      if (image.kind() != EnclaveImage.Kind.INTEL_SDK) {
        return "enclaves of this kind can be loaded, but not called";
      }
      return folder.edl().isEmpty()
          ? "name an ECALL, and give its EDL with --edl"
          : interfaces.ecalls().stream()
              .filter(EdlFunction.Trusted::isPublic)
              .map(EdlFunction::name)
              .collect(Collectors.joining(", ", "name an ECALL, one of ", ""));
    }

    /** The Linux selftests' kind is signed by its host when it is loaded, with a key that nobody keeps. */
    private static EnclaveImage signed(EnclaveImage image, Output output) {
      if (image.sigstruct().isPresent() || image.kind() != EnclaveImage.Kind.LINUX_SELFTEST) {
        return image;
      }
      output.line(
          "%s carries no SIGSTRUCT, as is usual for its kind: signing with a key made for this run", image.name());
      return RuntimeSigner.sign(image, RuntimeSigner.freshKey());
    }

    private static void describe(
        EnclaveImage image, Platform platform, Enclavisor enclavisor, long nanos, Output output,
        Map<String, Object> tree) {
      Sigstruct sigstruct = image.sigstruct().orElseThrow();
      tree.put("image", image.name());
      tree.put("mrenclave", sigstruct.enclaveHash().hex());
      tree.put("mrsigner", sigstruct.mrSigner().hex());
      tree.put("platform", platform.name());
      tree.put("isolation", enclavisor.isolation().text());
      tree.put("loadNanos", nanos);
      output.line("%s: measured, signature verified, initialised", image.name());
      output.line("  MRENCLAVE  %s", sigstruct.enclaveHash().hex());
      output.line("  MRSIGNER   %s", sigstruct.mrSigner().hex());
      output.line(
          "  %d pages in %s, platform %s, %s",
          image.pageCount(), Times.text(nanos), platform.name(), enclavisor.isolation().text());
    }
  }
}
