package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Collectors;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.enclavisor.app.profile.RecordingReader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** {@code enclavisor profile} on samples whose manners are known. */
class ProfileCommandTest {
  private static final String CHATTY = "../examples/chatty";

  @TempDir private Path folder;

  private static CommandLineRun expect(int status, String... arguments) {
    CommandLineRun run = CommandLineRun.of(arguments);
    assertThat(run.status()).as(run.toString()).isEqualTo(status);
    return run;
  }

  private static Map<String, String> findings(JsonNode profile) {
    Map<String, String> found = new TreeMap<>();
    profile.get("findings").forEach(each -> found.put(each.get("function").asString(), each.get("kind").asString()));
    return found;
  }

  @Test
  void itFindsWhatChattyDoesWrongAndNothingElse() {
    Map<String, String> sins =
        Map.of(
            "tick", "IN_SERIES", "ocall_put", "IN_SERIES", "ocall_now", "AT_THE_START", "ocall_setting", "DUPLICATE");
    Map<String, String> found = Map.of();
    // A machine that is busy with something else for most of a run can hide what is short: it gets a second chance.
    for (int attempt = 0; attempt < 3 && !found.equals(sins); attempt++) {
      JsonNode json = expect(ExitCode.OK, "profile", CHATTY, "--json").json().get("profile");
      found = findings(json);
      for (JsonNode finding : json.get("findings")) {
        assertThat(finding.get("gain").asLong()).isPositive();
        assertThat(finding.get("share").asDouble()).isBetween(0.0, 1.0);
        assertThat(finding.get("count").asLong()).isGreaterThanOrEqualTo(20);
      }
    }
    assertThat(found).isEqualTo(sins);
  }

  @Test
  void theNumbersAreThoseOfTheCalls() {
    JsonNode profile = expect(ExitCode.OK, "profile", CHATTY, "--json").json().get("profile");
    Map<String, Long> counts = new TreeMap<>();
    for (JsonNode function : profile.get("functions")) {
      counts.put(function.get("name").asString(), function.get("count").asLong());
      assertThat(function.get("total").asLong()).isPositive();
      assertThat(function.get("p95").asLong()).isGreaterThanOrEqualTo(function.get("median").asLong());
    }
    assertThat(counts)
        .isEqualTo(
            new TreeMap<>(
                Map.of(
                    "tick", 2000L, "copy", 1L, "stamp", 300L, "convert", 1L, "copy_all", 1L, "ocall_put", 2000L,
                    "ocall_now", 300L, "ocall_setting", 1000L, "ocall_put_all", 1L)));
    // Every ECALL goes in once, every OCALL once more.
    assertThat(profile.get("transitions").asLong()).isGreaterThanOrEqualTo(2303 + 3301);
    assertThat(profile.get("transition").get("nanos").asLong()).isBetween(100L, 10_000_000L);
    assertThat(profile.get("transition").get("rounds").asInt()).isGreaterThan(10);
    long inTimeline = 0;
    for (JsonNode part : profile.get("timeline").get("ecalls")) {
      inTimeline += part.asLong();
    }
    assertThat(inTimeline).isEqualTo(2303);
    long exits = 0;
    for (JsonNode row : profile.get("counters")) {
      boolean stay = row.get("kind").asString().equals("STAY");
      exits += stay && row.get("outcome").asString().equals("EEXIT") ? row.get("count").asLong() : 0;
      assertThat(row.get("histogram").size()).isPositive();
    }
    assertThat(exits).as("the start code comes on top").isGreaterThan(2303 + 3301);
  }

  @ParameterizedTest
  @CsvSource({"kernels,1", "hello,1", "chatty copy_all 4000,15", "kernels matrix 1,30"})
  void itLeavesTheWellBehavedAlone(String sample, int repeat) {
    String[] words = ("profile ../examples/" + sample + " --json --repeat " + repeat).split(" ");
    CommandLineRun run = CommandLineRun.of(words);
    assertThat(run.status()).as(run.toString()).isIn(ExitCode.OK, ExitCode.NO);
    assertThat(findings(run.json().get("profile"))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "--wait auto", "--strict", "--platform ptrace"})
  void itWorksOnEveryPlatform(String options) {
    String line = "profile ../examples/calls add 40 2 --repeat 50 " + options;
    CommandLineRun run = expect(ExitCode.OK, line.strip().split(" +"));
    assertThat(run.out()).contains("add", "A transition, in and out, costs", "ECALLs");
  }

  @Test
  void itShowsExceptionsAndNestedCalls() {
    JsonNode exceptions = expect(ExitCode.OK, "profile", "../examples/exceptions", "--json").json().get("profile");
    assertThat(exceptions.get("timeline").has("#UD")).isTrue();
    assertThat(exceptions.get("functions").valueStream().mapToLong(f -> f.get("asynchronousExits").asLong()).sum())
        .isPositive();
    assertThat(expect(ExitCode.OK, "profile", "../examples/exceptions").out()).contains("AEX #UD");
  }

  @Test
  void itShowsPaging() {
    JsonNode profile =
        expect(ExitCode.OK, "profile", CHATTY, "copy_all", "4000", "--epc", "256K", "--json").json().get("profile");
    assertThat(profile.get("timeline").has("EVICTED")).isTrue();
    assertThat(profile.get("timeline").has("RELOADED")).isTrue();
    assertThat(profile.get("counters").valueStream().map(row -> row.get("subject").asString()))
        .contains("EWB", "ELDU");
    assertThat(CommandLineRun.of("run", CHATTY, "--epc", "12K").status()).isEqualTo(ExitCode.USAGE);
  }

  @Test
  void whatLedToAFailureIsShown() {
    CommandLineRun run = expect(ExitCode.NO, "profile", "../examples/exceptions", "divide", "1", "0");
    assertThat(run.out()).contains("AEX #DE", "divide");
    assertThat(run.err()).startsWith("enclavisor: ");
    JsonNode json = expect(ExitCode.NO, "profile", "../examples/exceptions", "divide", "1", "0", "--json").json();
    assertThat(json.get("error").get("exit").asInt()).isEqualTo(ExitCode.NO);
    assertThat(json.get("profile").get("functions").get(0).get("name").asString()).isEqualTo("divide");
  }

  @Test
  void picturesAndRecordingsAreWritten() throws IOException {
    Path svg = folder.resolve("p.svg");
    Path jfr = folder.resolve("p.jfr");
    CommandLineRun run =
        expect(
            ExitCode.OK, "profile", CHATTY, "copy", "100", "--svg", svg.toString(), "--jfr", jfr.toString());
    assertThat(run.out()).contains("Picture: " + svg, "Recording: " + jfr);
    assertThat(svg).content().startsWith("<svg").contains("ocall_put").endsWith("</svg>\n");
    Map<String, Long> events =
        RecordingFile.readAllEvents(jfr).stream()
            .map(event -> event.getEventType().getName().replace("org.enclavisor.", ""))
            .collect(Collectors.groupingBy(name -> name, Collectors.counting()));
    assertThat(events).containsKeys("Call", "Leaf", "Stay", "LifeCycle");
    RecordedEvent ecall =
        RecordingFile.readAllEvents(jfr).stream()
            .filter(event -> event.getEventType().getName().equals("org.enclavisor.Call"))
            .filter(event -> event.getString("function").equals("copy"))
            .findFirst()
            .orElseThrow();
    assertThat(ecall.getString("direction")).isEqualTo("ECALL");
    assertThat(ecall.getInt("status")).isZero();
    assertThat(ecall.getDuration()).isPositive();
    long puts =
        RecordingFile.readAllEvents(jfr).stream()
            .filter(event -> event.getEventType().getName().equals("org.enclavisor.Call"))
            .filter(event -> event.getString("function").equals("ocall_put") && event.getInt("status") == 0)
            .filter(event -> event.getLong("tcs") == ecall.getLong("tcs"))
            .count();
    assertThat(puts).isEqualTo(100);
    assertThat(events.get("Call")).as("of this enclave only").isEqualTo(101);
  }

  @Test
  void aRecordingIsAProfileToo() throws IOException {
    Path jfr = folder.resolve("p.jfr");
    JsonNode live = expect(ExitCode.OK, "profile", CHATTY, "--jfr", jfr.toString(), "--json").json().get("profile");
    JsonNode read = expect(ExitCode.OK, "profile", jfr.toString(), "--json").json().get("profile");
    assertThat(counts(read)).isEqualTo(counts(live)).hasSize(9);
    assertThat(read.get("transitions").asLong()).isEqualTo(live.get("transitions").asLong());
    assertThat(findings(read)).containsEntry("ocall_put", "IN_SERIES").containsEntry("tick", "IN_SERIES");
    assertThat(expect(ExitCode.OK, "profile", jfr.toString()).out()).contains("is taken to cost", "ocall_put");
    damage(Files.readAllBytes(jfr));
    Files.writeString(jfr, "no recording");
    assertThat(expect(ExitCode.BAD_INPUT, "profile", jfr.toString()).err()).contains("p.jfr");
    assertThat(expect(ExitCode.BAD_INPUT, "profile", folder.resolve("not.jfr").toString()).err()).contains("not.jfr");
  }

  /** A damaged recording is read, or refused; nothing else. */
  private void damage(byte[] recording) throws IOException {
    Path file = folder.resolve("damaged.jfr");
    int refused = 0;
    for (int seed = 0; seed < 20; seed++) {
      Random random = new Random(seed);
      byte[] bytes = recording.clone();
      for (int i = 0; i <= seed % 20; i++) {
        bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      }
      Files.write(file, bytes);
      try {
        RecordingReader.read(file);
      } catch (IOException e) {
        assertThat(e).hasMessageMatching("(?s).+");
        refused++;
      }
    }
    assertThat(refused).isPositive();
  }

  private static Map<String, Long> counts(JsonNode profile) {
    Map<String, Long> counts = new TreeMap<>();
    profile.get("functions").forEach(each -> counts.put(each.get("name").asString(), each.get("count").asLong()));
    return counts;
  }

  @ParameterizedTest
  @CsvSource({
    "--repeat 0,2,--repeat", "--svg /nowhere/at/all.svg,3,/nowhere/at/all.svg", "--jfr /nowhere/at/all.jfr,3,all.jfr"
  })
  void whatCannotBeIsSaid(String options, int status, String says) {
    CommandLineRun run = expect(status, ("profile ../examples/hello " + options).split(" "));
    assertThat(run.err()).startsWith("enclavisor: ").contains(says);
  }

  @Test
  void timesInAFolderAreChecked() throws IOException {
    for (String file : new String[] {"hello.signed.so", "hello.edl"}) {
      Files.copy(Path.of("../examples/hello", file), folder.resolve(file));
    }
    String toml = "image = \"hello.signed.so\"\nedl = \"hello.edl\"\n[[call]]\necall = \"hello\"\nargs = [\"x\"]\n";
    for (String times : new String[] {"0", "-1", "\"two\"", "10000000"}) {
      Files.writeString(folder.resolve("enclave.toml"), toml + "times = " + times);
      assertThat(expect(ExitCode.BAD_INPUT, "run", folder.toString()).err()).contains("times");
    }
    Files.writeString(folder.resolve("enclave.toml"), toml + "times = 5\nexpect = 5");
    assertThat(expect(ExitCode.OK, "run", folder.toString()).out()).contains("hello(x) × 5", "-> 5");
  }
}
