package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.enclavisor.app.Journey.Call;
import org.enclavisor.app.Journey.Luggage;
import org.enclavisor.host.HostSnapshot;
import org.enclavisor.testkit.Seeded;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every sample, on every platform, stopped at random moments of its calls, ended and brought back: in the same JVM,
 * again and again, and in a fresh one. Its results are those of a run in peace.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 240, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class StateOfSamplesTest {
  private static final int MOST_PHASES = 12;

  /** What a sample does: its calls of one phase at once, one phase after the other. */
  private static final Map<String, List<List<Call>>> SCENES = new TreeMap<>();

  static {
    SCENES.put("hello", repeat(6, i -> List.of(Call.of("hello", "traveller " + i))));
    SCENES.put(
        "calls",
        List.of(
            List.of(Call.of("repeat_ocall", 20_000)),
            List.of(Call.of("add", 40, 2)),
            List.of(Call.of("nest", 20)),
            List.of(Call.of("length", "seventeen letters")),
            List.of(Call.of("all_ocalls")),
            List.of(Call.of("scale", 1.5, 2.0))));
    SCENES.put(
        "threads",
        List.of(
            Collections.nCopies(4, Call.of("count_own", 3_000_000)),
            Collections.nCopies(3, Call.of("meet", 3, 2_000_000_000L)),
            List.of(Call.of("leave_and_return", 7), Call.of("leave_and_return", 8), Call.of("count_own", 500_000)),
            List.of(Call.of("counted"))));
    SCENES.put(
        "exceptions",
        Stream.concat(
                Stream.of(List.of(Call.of("handle", 1))),
                repeat(7, i -> List.of(i % 3 == 0 ? Call.of("divide", i, 0) : Call.of("fail", i % 7))).stream())
            .toList());
    SCENES.put(
        "fpavx",
        List.of(
            List.of(Call.of("hold", 42, 30_000_000), Call.of("hold", 43, 30_000_000)),
            List.of(Call.of("leibniz", 3_000_000)),
            List.of(Call.of("hold_through_exception", 7)),
            List.of(Call.of("x87_through_exception")),
            List.of(Call.of("control_words"))));
    SCENES.put(
        "kernels",
        List.of(
            List.of(Call.of("sha256", 3000)), List.of(Call.of("matrix", 100)), List.of(Call.of("aes", 3000)),
            List.of(Call.of("sort", 5))));
    SCENES.put("hostile", repeat(3, i -> List.of(Call.of("attack", 0, 0))));
    SCENES.put(
        "chatty",
        List.of(List.of(Call.of("copy", 2000)), List.of(Call.of("convert", 1000)), List.of(Call.of("copy_all", 2000))));
    SCENES.put(
        "dynamic",
        List.of(
            List.of(Call.of("grow", 100)), List.of(Call.of("commit", 28)), List.of(Call.of("sum")),
            Collections.nCopies(4, Call.of("meet", 4, 2_000_000_000L)), List.of(Call.of("protect", 7)),
            List.of(Call.of("trim", 64)), List.of(Call.of("sum"))));
    SCENES.put("debugme", List.of(List.of(Call.of("harvest", 1000)), List.of(Call.of("share", 10, 3))));
  }

  /** What comes of a scene that nobody disturbs. */
  private final Map<String, List<List<String>>> undisturbed = new ConcurrentHashMap<>();

  private interface Phase {
    List<Call> at(int index);
  }

  private static List<List<Call>> repeat(int times, Phase phase) {
    var phases = new ArrayList<List<Call>>();
    for (int i = 0; i < times; i++) {
      phases.add(phase.at(i));
    }
    return phases;
  }

  static Stream<Arguments> samplesEachWay() {
    return SCENES.keySet().stream().flatMap(
        sample -> Stream.of(Way.STUB, Way.STUB_STRICT, Way.PTRACE).map(way -> Arguments.of(sample, way)));
  }

  private List<List<String>> expected(String sample) {
    return undisturbed.computeIfAbsent(sample, name -> {
      try (var hosting = Hosting.on(Way.STUB)) {
        var journey = new Journey(name, hosting);
        var results = new ArrayList<List<String>>();
        for (List<Call> phase : SCENES.get(name)) {
          phase.forEach(journey::begin);
          results.add(journey.results());
          journey.next();
        }
        return results;
      }
    });
  }

  @Test
  void everySampleTravels() {
    assertThat(SCENES.keySet()).containsAll(SamplesTest.SAMPLES);
    assertThat(SCENES.values()).allSatisfy(phases -> assertThat(phases.size()).isLessThanOrEqualTo(MOST_PHASES));
  }

  /** Within one JVM, between two monitors, or in place, several times a call. */
  @ParameterizedTest
  @MethodSource("samplesEachWay")
  void atRandomMomentsAgainAndAgain(String sample, Way way) throws InterruptedException {
    travel(sample, way, 2);
  }

  /** The same for much longer. */
  @Tag("soak")
  @ParameterizedTest
  @MethodSource("samplesEachWay")
  void atVeryManyRandomMoments(String sample, Way way) throws InterruptedException {
    for (int round = 0; round < 5; round++) {
      travel(sample, way, 6);
    }
  }

  /** What was stopped on one platform goes on on another. */
  @ParameterizedTest
  @ValueSource(strings = {"threads", "fpavx", "exceptions"})
  void betweenPlatforms(String sample) throws InterruptedException {
    travel(sample, Way.STUB, Way.PTRACE, 3);
  }

  private void travel(String sample, Way way, int stopsEach) throws InterruptedException {
    travel(sample, way, way, stopsEach);
  }

  private void travel(String sample, Way way, Way back, int stopsEach) throws InterruptedException {
    List<List<String>> expected = expected(sample);
    var seeded = Seeded.named("atRandomMoments " + sample + " " + way + " " + back);
    try (var one = Hosting.on(way); var other = Hosting.on(back)) {
      var journey = new Journey(sample, one);
      int moves = 0;
      for (int phase = 0; phase < expected.size(); phase++) {
        SCENES.get(sample).get(phase).forEach(journey::begin);
        for (int stops = 0; stops < stopsEach; stops++) {
          long wait = seeded.chance(0.5) ? seeded.below(200_000) : seeded.below(8_000_000);
          TimeUnit.NANOSECONDS.sleep(wait);
          if (seeded.chance(0.25)) {
            journey.rest();
          } else {
            var luggage = journey.leave();
            if (luggage.isPresent()) {
              moves++;
              journey.arrive(seeded.chance(0.5) ? one : other, luggage.get());
            }
          }
        }
        assertThat(journey.results()).as("phase %d", phase).isEqualTo(expected.get(phase));
        journey.next();
      }
      assertThat(moves).isPositive();
      System.out.printf("%s %s: %d moves, %d calls moved in the middle%n", sample, way, moves, journey.travelled());
    }
  }

  /** The rest of a sample's life is in another process. */
  @ParameterizedTest
  @MethodSource("samplesEachWay")
  void inAFreshProcess(String sample, Way way, @TempDir Path folder) throws IOException, InterruptedException {
    List<List<String>> expected = expected(sample);
    var seeded = Seeded.named("inAFreshProcess " + sample + " " + way);
    int last = seeded.below(Math.min(2, expected.size()));
    var before = new ArrayList<String>();
    List<Call> unfinished;
    try (var hosting = Hosting.on(way)) {
      var journey = new Journey(sample, hosting);
      for (int phase = 0; phase < last; phase++) {
        SCENES.get(sample).get(phase).forEach(journey::begin);
        assertThat(journey.results()).isEqualTo(expected.get(phase));
        journey.next();
      }
      SCENES.get(sample).get(last).forEach(journey::begin);
      TimeUnit.NANOSECONDS.sleep(seeded.below(10_000_000));
      var luggage = journey.leave();
      while (luggage.isEmpty()) {
        TimeUnit.NANOSECONDS.sleep(seeded.below(3_000_000));
        luggage = journey.leave();
      }
      before.addAll(journey.finished());
      unfinished = journey.unbegun(luggage.get());
      Files.write(folder.resolve("state"), luggage.get().state());
      try (var out = Files.newOutputStream(folder.resolve("host"))) {
        luggage.get().host().write(out);
      }
    }
    var lines = new ArrayList<String>();
    lines.add(String.valueOf(last));
    unfinished.forEach(call -> lines.add(call.ecall() + "\t" + String.join("\t", call.arguments())));
    Files.write(folder.resolve("calls"), lines);
    List<String> said = run(way, sample, folder);
    for (int phase = last; phase < expected.size(); phase++) {
      String prefix = "result " + phase + " ";
      var results = new ArrayList<>(
          said.stream().filter(line -> line.startsWith(prefix)).map(line -> line.substring(prefix.length())).toList());
      if (phase == last) {
        results.addAll(before);
      }
      assertThat(results.stream().sorted().toList()).as("phase %d; the process said %s", phase, said)
          .isEqualTo(expected.get(phase));
    }
  }

  private static List<String> run(Way way, String sample, Path folder) throws IOException, InterruptedException {
    Process jvm =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-cp", System.getProperty("java.class.path"), StateOfSamplesTest.class.getName(),
                way.name(), sample, folder.toString())
            .redirectErrorStream(true)
            .start();
    var out = new ByteArrayOutputStream();
    try (var in = jvm.getInputStream()) {
      in.transferTo(out);
      assertThat(jvm.waitFor(60, TimeUnit.SECONDS)).isTrue();
    } finally {
      jvm.destroyForcibly();
    }
    return out.toString(StandardCharsets.UTF_8).lines().toList();
  }

  /** The fresh process. Says {@code result <phase> <value>}. */
  public static void main(String[] arguments) throws IOException {
    Way way = Way.valueOf(arguments[0]);
    Path folder = Path.of(arguments[2]);
    var host = HostSnapshot.read(new ByteArrayInputStream(Files.readAllBytes(folder.resolve("host"))));
    var luggage = new Luggage(Files.readAllBytes(folder.resolve("state")), host);
    List<String> lines = Files.readAllLines(folder.resolve("calls"));
    int phase = Integer.parseInt(lines.getFirst());
    List<Call> unfinished =
        lines.stream().skip(1).map(line -> line.split("\t", -1))
            .map(words -> new Call(words[0], args(words)))
            .toList();
    try (var hosting = Hosting.on(way)) {
      Journey journey = Journey.continued(arguments[1], hosting, luggage, unfinished);
      for (; phase < SCENES.get(arguments[1]).size(); phase++) {
        int now = phase;
        journey.results().forEach(result -> System.out.println("result " + now + " " + result));
        journey.next();
        if (phase + 1 < SCENES.get(arguments[1]).size()) {
          SCENES.get(arguments[1]).get(phase + 1).forEach(journey::begin);
        }
      }
    }
  }

  private static List<String> args(String[] words) {
    return words.length == 2 && words[1].isEmpty() ? List.of() : Arrays.asList(words).subList(1, words.length);
  }
}
