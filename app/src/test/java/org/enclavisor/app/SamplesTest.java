package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;
import org.enclavisor.host.Enclave;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/** What the folders of examples/ say about themselves holds on every platform. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SamplesTest {
  static final List<String> SAMPLES =
      List.of("hello", "calls", "chatty", "debugme", "exceptions", "fpavx", "hostile", "kernels", "threads", "dynamic");

  static Stream<Arguments> samplesEachWay() {
    return SAMPLES.stream().flatMap(sample -> Stream.of(Way.values()).map(way -> Arguments.of(sample, way)));
  }

  @ParameterizedTest
  @MethodSource("samplesEachWay")
  void theCallsOfItsFolderReturnWhatIsExpected(String sample, Way way) {
    CommandLineRun run =
        CommandLineRun.of(
            Stream.concat(Stream.of("run", "../examples/" + sample, "--json"), Stream.of(way.options())).toList());
    assertThat(run.status()).as(run.toString()).isEqualTo(ExitCode.OK);
    JsonNode calls = run.json().get("calls");
    assertThat(calls.size()).isPositive();
    for (JsonNode call : calls) {
      assertThat(call.has("expected")).as("%s: only there if the result differs", call).isFalse();
      assertThat(call.get("result").isString()).isTrue();
    }
  }

  @ParameterizedTest
  @EnumSource
  void helloCountsItsGreetingsAndPrintsThem(Way way) {
    try (var hosting = Hosting.on(way);
        Enclave hello = hosting.load("hello");
        Enclave other = hosting.load("hello")) {
      for (int i = 1; i <= 3; i++) {
        assertThat(hello.call("hello", "wörld " + i).value()).isEqualTo(i);
        assertThat(hosting.printed())
            .isEqualTo("Hello, wörld %d! This is greeting %d from inside the enclave.\n".formatted(i, i));
      }
      assertThat(other.call("hello", new Object[] {null}).value()).isEqualTo(1);
      assertThat(hosting.printed()).isEqualTo("Hello, nobody! This is greeting 1 from inside the enclave.\n");
    }
  }

  @ParameterizedTest
  @FieldSource("SAMPLES")
  void itsIdentityIsThatOfItsSignature(String sample) {
    try (var hosting = Hosting.on(Way.STUB);
        Enclave enclave = hosting.load(sample)) {
      var secs = hosting.monitor().secs(enclave.id());
      var sigstruct = enclave.image().sigstruct().orElseThrow();
      assertThat(secs.mrEnclave()).isEqualTo(sigstruct.enclaveHash());
      assertThat(secs.mrSigner()).isEqualTo(sigstruct.mrSigner());
      assertThat(secs.isvProdId()).isEqualTo(sigstruct.body().isvProdId());
      assertThat(secs.baseAddr() % secs.size()).as("the ELRANGE is aligned to its size").isZero();
    }
  }

  @Test
  void everyFolderIsTested() throws java.io.IOException {
    try (Stream<java.nio.file.Path> folders = java.nio.file.Files.list(Hosting.EXAMPLES)) {
      assertThat(folders.filter(folder -> java.nio.file.Files.exists(folder.resolve("enclave.xml"))))
          .extracting(folder -> folder.getFileName().toString())
          .containsExactlyInAnyOrderElementsOf(SAMPLES);
    }
  }
}
