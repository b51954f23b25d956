package org.enclavisor.app;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** The {@code enclavisor} command. */
@Command(
    name = "enclavisor",
    mixinStandardHelpOptions = true,
    version = "Enclavisor 0.1.0",
    description =
        "A software SGX: loads signed enclaves, measures them, runs them at native speed, without SGX hardware.",
    footer = {
      "",
      "Start here:",
      "  enclavisor run examples/hello        load, measure, verify and call a sample enclave",
      "  enclavisor inspect my.signed.so      what is in an image",
      "  enclavisor doctor                    what this machine offers and lacks",
      "",
      "Exit status: 0 done; 1 the answer is no; 2 usage; 3 malformed or missing input;",
      "4 refused by SGX; 5 this machine cannot; 6 the enclave is lost; 70 a defect of Enclavisor."
    },
    subcommands = {
      RunCommand.class,
      InspectCommand.class,
      MeasureCommand.class,
      SignCommand.class,
      TraceCommand.class,
      DebugCommand.class,
      ProfileCommand.class,
      DoctorCommand.class,
      BenchCommand.class,
      CommandLine.HelpCommand.class
    })
public final class Main {

  /** Runs one command and ends the JVM with its exit status. */
  public static void main(String[] arguments) {
    System.exit(run(arguments));
  }

  /** Runs one command; the answer is its exit status, one of {@link ExitCode}. */
  static int run(String... arguments) {
    CommandLine commandLine = new CommandLine(new Main());
    commandLine.setExecutionExceptionHandler(
        (failure, command, parsed) -> explain(Failures.of(failure), wantsJson(parsed)));
    commandLine.setParameterExceptionHandler(Main::explainUsage);
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    commandLine.setUsageHelpAutoWidth(true);
    if (arguments.length == 0) {
      commandLine.usage(System.out);
      return ExitCode.USAGE;
    }
    return commandLine.execute(arguments);
  }

  /** A slip needs one line that names it, not a page of help. */
  private static int explainUsage(ParameterException slip, String... arguments) {
    CommandLine command = slip.getCommandLine();
    List<String> meant =
        slip instanceof UnmatchedArgumentException unmatched ? unmatched.getSuggestions() : List.of();
    String what =
        slip instanceof UnmatchedArgumentException unmatched && !unmatched.isUnknownOption()
            ? "'%s' is unknown, or one argument too many".formatted(unmatched.getUnmatched().getFirst())
            : slip.getMessage();
    String guess = meant.isEmpty() ? "" : "Did you mean %s? ".formatted(meant.getFirst());
    String help = "See: %s --help".formatted(command.getCommandSpec().qualifiedName());
    Failure failure = new Failure(ExitCode.USAGE, what, guess + help);
    return explain(failure, List.of(arguments).contains("--json"));
  }

  private static int explain(Failure failure, boolean json) {
    if (json) {
      Map<String, Object> tree = new LinkedHashMap<>(failure.found());
      Map<String, Object> error = new LinkedHashMap<>();
      error.put("cause", failure.getMessage());
      error.put("next", failure.next());
      error.put("exit", failure.exitCode());
      tree.put("error", error);
      System.out.println(Output.toJson(tree));
    } else {
      System.err.println("enclavisor: " + failure.getMessage());
      if (!failure.next().isEmpty()) {
        System.err.println("  next: " + failure.next());
      }
    }
    if (failure.exitCode() == ExitCode.INTERNAL) {
      failure.getCause().printStackTrace();
    }
    return failure.exitCode();
  }

  private static boolean wantsJson(ParseResult parsed) {
    List<ParseResult> chain = parsed.asCommandLineList().stream().map(CommandLine::getParseResult).toList();
    return chain.stream().anyMatch(result -> result.hasMatchedOption("--json"));
  }
}
