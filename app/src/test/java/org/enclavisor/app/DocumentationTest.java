package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the pages show works: the commands on the samples can be pasted, the links lead somewhere. */
class DocumentationTest {
  private static final Path ROOT = Path.of("..");
  private static final Pattern COMMAND = Pattern.compile("(?m)(?:^|[|(] *)`?\\./enclavisor ([^`\\n|#;]+)");
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)(?:#[^)]*)?\\)");

  /** Verbs that only look, or run a sample. */
  private static final Set<String> QUICK = Set.of("run", "inspect", "measure", "trace", "profile");

  private static List<Path> pages() throws IOException {
    try (Stream<Path> docs = Files.walk(ROOT.resolve("docs"))) {
      return Stream.concat(
              Stream.of("README.md", "examples/README.md", "sdk/README.md").map(ROOT::resolve),
              docs.filter(page -> page.toString().endsWith(".md")))
          .toList();
    }
  }

  /** Every command of a page that is about a sample as it is committed. */
  static Set<String> commands() throws IOException {
    Set<String> commands = new TreeSet<>();
    for (Path page : pages()) {
      Matcher matcher = COMMAND.matcher(Files.readString(page));
      while (matcher.find()) {
        String command = matcher.group(1).strip();
        if (QUICK.contains(command.split(" ")[0]) && command.contains(" examples/") && !command.endsWith("\\")) {
          commands.add(command);
        }
      }
    }
    return commands;
  }

  private static List<String> words(String command) {
    List<String> words = new ArrayList<>();
    Matcher word = Pattern.compile("\"([^\"]*)\"|(\\S+)").matcher(command);
    while (word.find()) {
      String text = word.group(1) != null ? word.group(1) : word.group(2);
      words.add(text.startsWith("examples/") ? "../" + text : text);
    }
    return words;
  }

  @ParameterizedTest
  @MethodSource("commands")
  void commandsWorkWhenPasted(String command) {
    CommandLineRun run = CommandLineRun.of(words(command));
    // 1 and 6 are answers too, which the page talks about: a measurement that differs, an attack that was stopped.
    assertThat(run.status()).as(run.toString()).isIn(ExitCode.OK, ExitCode.NO, ExitCode.LOST);
    assertThat(run.out()).isNotEmpty();
  }

  @Test
  void thereAreCommands() throws IOException {
    assertThat(commands()).hasSizeGreaterThan(8).anyMatch(command -> command.equals("run examples/hello"));
  }

  @Test
  void linksLeadSomewhere() throws IOException {
    List<String> dead = new ArrayList<>();
    for (Path page : pages()) {
      Matcher matcher = LINK.matcher(Files.readString(page));
      while (matcher.find()) {
        Path target = page.resolveSibling(matcher.group(1));
        if (!Files.exists(target)) {
          dead.add(page + " -> " + matcher.group(1));
        }
      }
    }
    assertThat(dead).isEmpty();
  }

  @Test
  void theExitStatusesAreThoseOfThePage() throws IOException {
    String page = Files.readString(ROOT.resolve("docs/run.md"));
    for (int status : Arrays.asList(
        ExitCode.OK, ExitCode.NO, ExitCode.USAGE, ExitCode.BAD_INPUT, ExitCode.REFUSED, ExitCode.MACHINE, ExitCode.LOST,
        ExitCode.INTERNAL)) {
      assertThat(page).contains("| " + status + " |");
    }
  }
}
