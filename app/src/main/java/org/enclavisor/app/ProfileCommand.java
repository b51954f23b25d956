package org.enclavisor.app;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import jdk.jfr.Recording;
import org.enclavisor.app.profile.Finding;
import org.enclavisor.app.profile.Picture;
import org.enclavisor.app.profile.Profile;
import org.enclavisor.app.profile.Recorder;
import org.enclavisor.app.profile.RecordingReader;
import org.enclavisor.app.profile.Rules;
import org.enclavisor.app.profile.TextView;
import org.enclavisor.app.profile.Transitions;
import org.enclavisor.app.profile.TreeView;
import org.enclavisor.app.profile.WarmUp;
import org.enclavisor.host.Enclave;
import org.enclavisor.host.HostException;
import org.enclavisor.host.OcallContext;
import org.enclavisor.host.edl.CType;
import org.enclavisor.host.edl.EdlFunction;
import org.enclavisor.host.edl.Passing;
import org.enclavisor.image.sign.PemKeys;
import org.enclavisor.linux.WaitPolicy;
import org.enclavisor.monitor.MonitorConfig;
import org.enclavisor.monitor.spi.Platform;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code enclavisor profile}: the same as {@code run}, and what the calls cost, and which could be spared. */
@Command(
    name = "profile",
    mixinStandardHelpOptions = true,
    description = {
      "Run an enclave as 'run' does, and show what its calls, exits and paging cost, and which calls could be spared.",
      "OCALLs are answered with zero, and not shown.",
      "If PATH is a recording (.jfr) of a program with enclaves, show what is in it."
    },
    footer = {
      "",
      "Examples:",
      "  enclavisor profile examples/chatty",
      "  enclavisor profile examples/chatty copy 1000 --svg chatty.svg",
      "  enclavisor profile examples/calls add 40 2 --repeat 1000",
      "  enclavisor profile recording.jfr",
      "docs/profile.md explains every finding."
    })
final class ProfileCommand implements Callable<Integer> {
  private static final String CALL = "org.enclavisor.Call";
  private static final List<String> EVENTS =
      List.of("Call", "Leaf", "Stay", "AsynchronousExit", "Fault", "Paging", "LifeCycle");

  @Mixin private Output output;
  @Mixin private RunCommand.Target target;

  @Option(names = "--repeat", paramLabel = "N", defaultValue = "1", description = "Make all the calls so many times.")
  private int repeat;

  @Option(names = "--svg", paramLabel = "FILE", description = "Write the picture there.")
  private @Nullable Path svg;

  @Option(names = "--jfr", paramLabel = "FILE", description = "Write a recording of the JDK's Flight Recorder there.")
  private @Nullable Path jfr;

  private final Recorder recorder = new Recorder();
  private @Nullable Transitions transitions;
  private @Nullable Recording recording;
  private @Nullable Set<String> answering;

  @Override
  public Integer call() {
    if (repeat < 1) {
      throw new Failure(ExitCode.USAGE, "--repeat %d: expected 1 or more".formatted(repeat), "");
    }
    Session session = new Session(output);
    Map<String, Object> tree = new LinkedHashMap<>();
    if (target.path().toString().endsWith(".jfr")) {
      Path file = target.path();
      show(String.valueOf(file.getFileName()), read(file), tree);
      output.value(tree);
      return ExitCode.OK;
    }
    try {
      if (jfr == null) {
        run(session, tree);
      } else {
        recorded(jfr, session, tree);
      }
    } catch (HostException e) {
      report(session, tree); // of what led there
      throw Failures.of(e).after(tree);
    }
    report(session, tree);
    output.value(tree);
    return session.asExpected() ? ExitCode.OK : ExitCode.NO;
  }

  private void recorded(Path file, Session session, Map<String, Object> tree) {
    try (Recording started = new Recording()) {
      EVENTS.forEach(name -> started.enable("org.enclavisor." + name).withoutThreshold());
      started.start();
      recording = started;
      try {
        run(session, tree);
      } finally {
        started.stop();
        started.dump(file);
      }
    } catch (IOException e) {
      throw cannotWrite(file, e);
    }
  }

  private static Failure cannotWrite(Path file, IOException e) {
    return new Failure(
        ExitCode.BAD_INPUT, "%s cannot be written: %s".formatted(file, e.getMessage()), "Name a file in a folder.");
  }

  private void run(Session session, Map<String, Object> tree) {
    var setup =
        new RunCommand.Target.Setup(
            MonitorConfig.defaults().withEvents(recorder),
            host -> host.withObserver(recorder),
            this::ocall,
            WaitPolicy.SAME_CORE, // costs the same each time, and about as much as with SGX
            repeat,
            this::measuring);
    target.run(setup, output, session, tree);
  }

  private RunCommand.Target.Pauses measuring(Platform platform) {
    Path root = Installation.root();
    Recording listening = recording;
    if (listening != null) {
      listening.disable(CALL);
    }
    WarmUp.run(platform, root.resolve("examples"));
    if (listening != null) {
      listening.enable(CALL).withoutThreshold();
    }
    var measured = new Transitions(platform, PemKeys.readPrivate(root.resolve("sdk/keys/sample-key.pem")));
    transitions = measured;
    return new RunCommand.Target.Pauses() {
      @Override
      public void pause() {
        measured.measure();
      }

      @Override
      public void close() {
        measured.close();
      }
    };
  }

  private @Nullable Object ocall(OcallContext context, Map<String, @Nullable Object> arguments) {
    Set<String> names = answering;
    if (names == null) {
      names = answering(context.enclave());
      answering = names;
    }
    if (names.contains(context.name())) {
      recorder.asked(arguments);
    }
    return null;
  }

  /** The OCALLs that hand something back: to make one of them again for the same is to ask again. */
  private static Set<String> answering(Enclave enclave) {
    return enclave.edl().ocalls().stream()
        .filter(
            ocall ->
                ocall.signature().returnType() != CType.Basic.VOID
                    || ocall.signature().parameters().stream()
                        .anyMatch(
                            each -> each.passing() instanceof Passing.ByAddress way && way.direction().out()))
        .map(EdlFunction::name)
        .collect(Collectors.toSet());
  }

  private void report(Session session, Map<String, Object> tree) {
    Transitions measured = transitions;
    tree.put("calls", session.calls());
    if (measured == null) {
      return; // it did not come to calls
    }
    show(String.valueOf(tree.get("image")), recorder.profile(measured.cost()), tree);
    if (recording != null) {
      output.line("Recording: %s", String.valueOf(jfr));
    }
  }

  private void show(String name, Profile profile, Map<String, Object> tree) {
    List<Finding> findings = Rules.judge(profile);
    TextView.of(profile, findings).forEach(line -> output.line("%s", line));
    tree.put("profile", TreeView.of(profile, findings, recorder.counters()));
    Path file = svg;
    if (file != null) {
      try {
        Files.writeString(file, Picture.svg(name, profile, findings));
      } catch (IOException e) {
        throw cannotWrite(file, e);
      }
      output.line("");
      output.line("Picture: %s", file);
    }
  }

  private static Profile read(Path file) {
    try {
      return RecordingReader.read(file);
    } catch (IOException e) {
      throw new Failure(
          ExitCode.BAD_INPUT, "%s cannot be read as a recording: %s".formatted(file, e.getMessage()),
          "A program records with -XX:StartFlightRecording:filename=my.jfr.");
    }
  }
}
