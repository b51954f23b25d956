package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.enclavisor.host.Enclavisor;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.linux.StubOptions;
import org.enclavisor.linux.StubPlatform;
import org.junit.jupiter.api.Test;

/** The five lines of Java that README.md shows, and that they are the ones it shows. */
class ReadmeTest {
  private static final String SNIPPET =
      """
      interface Hello {
        int hello(String name);
      }

      try (var enclavisor = Enclavisor.open(StubPlatform.open(StubOptions.DEFAULT));
           var enclave = enclavisor.load(Path.of("hello.signed.so"), Edl.read(Path.of("hello.edl")))) {
        Hello hello = enclave.bind(Hello.class, new Ocalls());
        hello.hello("world");
      }
      """;

  interface Hello {
    int hello(String name);
  }

  /** What the enclave asks its host for. */
  public static final class Ocalls {
    private final List<String> printed = new ArrayList<>();

    public void ocallPrintString(String text) {
      printed.add(text);
    }
  }

  @Test
  void theFiveLinesWork() {
    Path folder = Hosting.EXAMPLES.resolve("hello");
    var ocalls = new Ocalls();
    try (var enclavisor = Enclavisor.open(StubPlatform.open(StubOptions.DEFAULT));
        var enclave =
            enclavisor.load(folder.resolve("hello.signed.so"), Edl.read(folder.resolve("hello.edl")))) {
      Hello hello = enclave.bind(Hello.class, ocalls);
      assertThat(hello.hello("world")).isEqualTo(1);
    }
    assertThat(ocalls.printed).containsExactly("Hello, world! This is greeting 1 from inside the enclave.\n");
  }

  @Test
  void theyAreTheLinesOfTheReadme() throws IOException {
    assertThat(Files.readString(Path.of("..", "README.md"))).contains("```java\n" + SNIPPET + "```");
  }
}
