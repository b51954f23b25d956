package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.enclavisor.image.Images;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;

/** The command line: what each verb prints, and every exit status that is documented. */
class CommandLineTest {
  private static final String HELLO = "../examples/hello";

  @TempDir private Path folder;

  private static CommandLineRun expect(int status, String... arguments) {
    CommandLineRun run = CommandLineRun.of(arguments);
    assertThat(run.status()).as("%s%n%s", List.of(arguments), run).isEqualTo(status);
    assertThat(run.out() + run.err()).as("no stack trace for a user").doesNotContain("\tat org.enclavisor");
    return run;
  }

  /** An error as text and as JSON: one cause, what to do next, and the same status. */
  private static void expectError(int status, String says, String... arguments) {
    CommandLineRun text = expect(status, arguments);
    assertThat(text.err()).startsWith("enclavisor: ").contains(says);
    String[] withJson = java.util.Arrays.copyOf(arguments, arguments.length + 1);
    withJson[arguments.length] = "--json";
    CommandLineRun json = expect(status, withJson);
    JsonNode error = json.json().get("error");
    assertThat(error.get("cause").asString()).contains(says);
    assertThat(error.get("exit").asInt()).isEqualTo(status);
    assertThat(error.get("next").isString()).isTrue();
  }

  static List<String> verbs() {
    return List.copyOf(new CommandLine(new Main()).getSubcommands().keySet());
  }

  /** A copy of a sample's folder in which something may be changed. */
  private Path copy(String sample) throws IOException {
    for (String file : List.of(sample + ".signed.so", sample + ".edl", "enclave.toml")) {
      Files.copy(Hosting.EXAMPLES.resolve(sample).resolve(file), folder.resolve(file));
    }
    return folder;
  }

  /** Flips a bit of the text that hello prints: it is in a measured page, and no parser looks at it. */
  private Path changedHello() throws IOException {
    Path image = copy("hello").resolve("hello.signed.so");
    byte[] bytes = Files.readAllBytes(image);
    int at = new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf("from inside the enclave");
    assertThat(at).isPositive();
    bytes[at] ^= 1;
    Files.write(image, bytes);
    return image;
  }

  @Test
  void withoutArgumentsItSaysHowItIsUsed() {
    CommandLineRun run = expect(ExitCode.USAGE);
    assertThat(run.out()).contains("Usage: enclavisor").contains(verbs());
  }

  @ParameterizedTest
  @MethodSource("verbs")
  void everyVerbHasHelp(String verb) {
    if (verb.equals("help")) {
      assertThat(expect(ExitCode.OK, "help", "run").out()).contains("enclavisor run");
      return;
    }
    assertThat(expect(ExitCode.OK, verb, "--help").out()).contains("Usage: enclavisor " + verb).contains("--json");
  }

  @Test
  void helpAndVersion() {
    String help = expect(ExitCode.OK, "--help").out();
    assertThat(help).contains("Exit status").contains(verbs());
    assertThat(expect(ExitCode.OK, "--version").out()).startsWith("Enclavisor ");
  }

  @Test
  void theVerbsAreThoseOfTheReadme() throws IOException {
    String readme = Files.readString(Path.of("..", "README.md"));
    assertThat(verbs()).filteredOn(verb -> !verb.equals("help"))
        .allSatisfy(verb -> assertThat(readme).contains("./enclavisor " + verb));
  }

  @ParameterizedTest
  @ValueSource(strings = {"fly", "run", "inspect", "measure", "run ../examples/hello --no-such-option",
    "run ../examples/hello --platform abacus", "inspect a b", "sign"})
  void wrongArgumentsAreUsageErrors(String line) {
    CommandLineRun run = expect(ExitCode.USAGE, line.split(" "));
    assertThat(run.err()).contains("  next: ").as("a line or two, not a page of help").hasLineCount(2);
    assertThat(run.out()).isEmpty();
    expectError(ExitCode.USAGE, "", line.split(" "));
  }

  @ParameterizedTest
  @CsvSource({"run,nowhere.so", "inspect,nowhere.so", "measure,nowhere.so", "trace,nowhere.so", "run,/", "inspect,/"})
  void missingInputIsBadInput(String verb, String path) {
    expectError(ExitCode.BAD_INPUT, path, verb, path);
  }

  @ParameterizedTest
  @ValueSource(strings = {"run", "inspect", "measure", "trace"})
  void malformedImagesAreBadInput(String verb) throws IOException {
    Path image = folder.resolve("short.so");
    Files.write(image, java.util.Arrays.copyOf(Files.readAllBytes(Hosting.image("hello")), 5000));
    expectError(ExitCode.BAD_INPUT, "expected", verb, image.toString());
    Files.writeString(image, "no ELF file");
    expectError(ExitCode.BAD_INPUT, "short.so", verb, image.toString());
  }

  @Test
  void aFolderThatIsWrongIsBadInput() throws IOException {
    copy("hello");
    Path toml = folder.resolve("enclave.toml");
    for (String[] wrong : new String[][] {
      {"image = ", "enclave.toml"}, {"edl = \"hello.edl\"", "no image"},
      {"image = \"hello.signed.so\"\nimag = 1", "imag"},
      {"image = \"hello.signed.so\"\n[[call]]\nargs = []", "call 1"}, {"image = \"nothing.so\"", "nothing.so"},
      {"image = \"hello.signed.so\"\nedl = \"nothing.edl\"", "nothing.edl"}
    }) {
      Files.writeString(toml, wrong[0]);
      expectError(ExitCode.BAD_INPUT, wrong[1], "run", folder.toString());
    }
    Files.writeString(toml, "image = \"hello.signed.so\"\nedl = \"hello.edl\"");
    Files.writeString(folder.resolve("hello.edl"), "enclave { trusted { public int hello(; }; };");
    expectError(ExitCode.BAD_INPUT, "hello.edl", "run", folder.toString());
  }

  @Test
  void runShowsTheEnclaveAndItsCalls() {
    CommandLineRun run = expect(ExitCode.OK, "run", HELLO, "hello", "you");
    assertThat(run.out()).contains("MRENCLAVE", "MRSIGNER", "hello(you)", "-> 1", "host-isolation: none")
        .contains("| Hello, you! This is greeting 1 from inside the enclave.");
    JsonNode json = expect(ExitCode.OK, "run", HELLO, "--json", "hello", "you").json();
    var sigstruct = Images.read(Hosting.image("hello")).sigstruct().orElseThrow();
    assertThat(json.get("mrenclave").asString()).isEqualTo(sigstruct.enclaveHash().hex());
    assertThat(json.get("mrsigner").asString()).isEqualTo(sigstruct.mrSigner().hex());
    assertThat(json.get("platform").asString()).isEqualTo("stub");
    assertThat(json.get("isolation").asString()).isEqualTo("host-isolation: none");
    assertThat(json.get("loadNanos").asLong()).isPositive();
    JsonNode call = json.get("calls").get(0);
    assertThat(call.get("ecall").asString()).isEqualTo("hello");
    assertThat(call.get("args").get(0).asString()).isEqualTo("you");
    assertThat(call.get("result").asString()).isEqualTo("1");
    assertThat(call.get("printed").get(0).asString()).startsWith("Hello, you!");
    assertThat(call.get("nanos").asLong()).isPositive();
  }

  @Test
  void runTakesAnImageWithItsInterface() {
    String edl = HELLO + "/hello.edl";
    String image = HELLO + "/hello.signed.so";
    assertThat(expect(ExitCode.OK, "run", image, "hello", "x").out()).as("the EDL beside it").contains("Hello, x!");
    assertThat(expect(ExitCode.OK, "run", image, "--edl", edl, "hello", "x").out()).contains("Hello, x!");
    assertThat(expect(ExitCode.OK, "run", image).out()).contains("Nothing to call");
    assertThat(expect(ExitCode.OK, "run", HELLO, "--debug", "hello", "x").out()).contains("Hello, x!");
  }

  @Test
  void runShowsWhatIsHandedBack() {
    JsonNode call =
        expect(ExitCode.OK, "run", "../examples/calls", "--json", "reverse", "abc", "3").json().get("calls").get(0);
    assertThat(call.get("outputs").get("buffer").asString()).isEqualTo("hex:636261");
  }

  @Test
  void anUnexpectedResultIsNo() throws IOException {
    copy("hello");
    Files.writeString(folder.resolve("enclave.toml"),
        "image = \"hello.signed.so\"\nedl = \"hello.edl\"\n[[call]]\necall = \"hello\"\nargs = [\"x\"]\nexpect = 2\n");
    assertThat(expect(ExitCode.NO, "run", folder.toString()).out()).contains("expected 2");
    JsonNode call = expect(ExitCode.NO, "run", folder.toString(), "--json").json().get("calls").get(0);
    assertThat(call.get("expected").asString()).isEqualTo("2");
  }

  @Test
  void failuresOfCallsHaveTheirStatus() {
    expectError(ExitCode.NO, "#DE", "run", "../examples/exceptions", "divide", "1", "0");
    expectError(ExitCode.USAGE, "hallo", "run", HELLO, "hallo", "you");
    expectError(ExitCode.USAGE, "expected 1 argument", "run", HELLO, "hello", "you", "and", "me");
    expectError(ExitCode.USAGE, "ten", "run", "../examples/calls", "add", "ten", "2");
    expectError(ExitCode.USAGE, "private", "run", "../examples/calls", "inner", "2");
    // Damages all of its saved state: ERESUME refuses it.
    expectError(ExitCode.LOST, "attack", "run", "../examples/hostile", "attack", "78", "0");
  }

  @Test
  void whatWasKnownBeforeAFailureIsInItsJson() {
    JsonNode run = expect(ExitCode.NO, "run", "../examples/exceptions", "divide", "1", "0", "--json").json();
    assertThat(run.get("mrenclave").asString()).hasSize(64);
    assertThat(run.get("calls").get(0).get("ecall").asString()).isEqualTo("divide");
    JsonNode trace = expect(ExitCode.NO, "trace", "../examples/exceptions", "divide", "1", "0", "--json").json();
    assertThat(trace.get("events").size()).isPositive();
    assertThat(trace.get("error").get("cause").asString()).contains("#DE");
  }

  @Test
  void whatCannotBeCalledIsSaidBeforeItIsLoaded() throws IOException {
    expectError(ExitCode.USAGE, "can be loaded, but not called", "run", "../examples/bare", "anything");
    Path lone = Files.copy(Hosting.image("hello"), folder.resolve("lone.so"));
    expectError(ExitCode.USAGE, "no EDL", "run", lone.toString(), "hello", "you");
    expectError(ExitCode.BAD_INPUT, "nowhere.edl", "run", HELLO, "--edl", "nowhere.edl");
  }

  @Test
  void whatSgxRefusesHasItsStatus() throws IOException {
    Path image = changedHello();
    expectError(ExitCode.REFUSED, "SGX_INVALID_MEASUREMENT", "run", folder.toString());
    expectError(ExitCode.REFUSED, "SGX_INVALID_MEASUREMENT", "trace", image.toString());
  }

  @Test
  void anImageOfAKindThatIsSignedAtRunTimeRuns() {
    assertThat(expect(ExitCode.OK, "run", "../examples/bare").out()).contains("signing with a key made for this run");
    JsonNode json = expect(ExitCode.OK, "run", "../examples/bare", "--json").json();
    assertThat(json.get("mrenclave").asString())
        .isEqualTo(Images.measure(Images.read(Path.of("../examples/bare/bare.so"))).hex());
  }

  @Test
  void inspectShowsIdentityLayoutAndThreads() {
    assertThat(expect(ExitCode.OK, "inspect", HELLO).out())
        .contains("MRENCLAVE", "MRSIGNER", "SIGSTRUCT", "equals MRENCLAVE", "signature      valid", "layout", "TCS 0x");
    JsonNode json = expect(ExitCode.OK, "inspect", "--json", HELLO).json();
    var image = Images.read(Hosting.image("hello"));
    assertThat(json.get("kind").asString()).isEqualTo("INTEL_SDK");
    assertThat(json.get("mrenclave").asString()).isEqualTo(Images.measure(image).hex());
    assertThat(json.get("sigstruct").get("signature").asString()).isEqualTo("valid");
    assertThat(json.get("secs").get("size").asLong()).isEqualTo(image.secs().size());
    assertThat(json.get("threads").size()).isEqualTo(2);
    long pages = 0;
    for (JsonNode run : json.get("pages")) {
      pages += run.get("length").asLong() / 4096;
    }
    assertThat(pages).isEqualTo(image.pageCount());
  }

  @ParameterizedTest
  @ValueSource(strings = {"calls", "chatty", "debugme", "exceptions", "fpavx", "hostile", "kernels", "threads", "bare"})
  void inspectAndMeasureKnowEverySample(String sample) {
    expect(ExitCode.OK, "inspect", "../examples/" + sample);
    String inspected =
        expect(ExitCode.OK, "inspect", "../examples/" + sample, "--json").json().get("mrenclave").asString();
    JsonNode measured = expect(ExitCode.OK, "measure", "../examples/" + sample, "--json").json();
    assertThat(measured.get("mrenclave").asString()).isEqualTo(inspected).hasSize(64);
  }

  @Test
  void measureFindsDifferences() throws IOException {
    Path image = changedHello();
    JsonNode same = expect(ExitCode.OK, "measure", HELLO, "--reference", HELLO, "--json").json();
    assertThat(same.get("equalsSigstruct").asBoolean()).isTrue();
    assertThat(same.get("equalsReference").asBoolean()).isTrue();
    assertThat(expect(ExitCode.NO, "measure", image.toString()).out()).contains("DIFFERS");
    JsonNode other = expect(ExitCode.NO, "measure", image.toString(), "--reference", HELLO, "--json").json();
    assertThat(other.get("equalsSigstruct").asBoolean()).isFalse();
    assertThat(other.get("equalsReference").asBoolean()).isFalse();
    assertThat(other.get("difference").asString()).as("the page").contains("0x");
    assertThat(expect(ExitCode.OK, "inspect", image.toString()).out()).contains("DIFFERS from MRENCLAVE");
  }

  @Test
  void traceShowsTheLeavesInTheirOrder() {
    assertThat(expect(ExitCode.OK, "trace", HELLO).out())
        .containsSubsequence("ECREATE", "EADD", "EINIT", "EENTER", "EREPORT", "EEXIT");
    JsonNode json = expect(ExitCode.OK, "trace", "../examples/exceptions", "--json").json();
    long last = Long.MIN_VALUE;
    boolean exception = false;
    for (JsonNode event : json.get("events")) {
      assertThat(event.get("at").asLong() + event.get("duration").asLong()).isGreaterThanOrEqualTo(last);
      last = event.get("at").asLong() + event.get("duration").asLong();
      exception |=
          event.get("kind").asString().equals("AsynchronousExit") && event.get("text").asString().contains("#UD");
    }
    assertThat(exception).isTrue();
    assertThat(json.get("calls").size()).isEqualTo(4);
    assertThat(expect(ExitCode.NO, "trace", "../examples/exceptions", "divide", "1", "0").out()).contains("AEX #DE");
  }
}
