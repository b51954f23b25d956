package org.enclavisor.isa;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemoryLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every member of every layout is where a C compiler puts it. Needs gcc; without it the test is skipped. */
class CompilerLayoutTest {
  @TempDir private Path directory;

  @Test
  void agreesWithTheCompiler() throws Exception {
    assumeTrue(hasGcc(), "gcc is not installed");
    Path source = directory.resolve("structures.c");
    try (InputStream in = CompilerLayoutTest.class.getResourceAsStream("structures.c")) {
      Files.copy(in, source, StandardCopyOption.REPLACE_EXISTING);
    }
    Path program = directory.resolve("structures");
    run("gcc", "-Wall", "-Wextra", "-Werror", "-o", program.toString(), source.toString());

    List<String> expected = new ArrayList<>();
    for (StructureCase<?> structure : Structures.all()) {
      long offset = 0;
      for (MemoryLayout member : structure.layout().memberLayouts()) {
        expected.add(structure.name() + " " + member.name().orElseThrow() + " " + offset + " " + member.byteSize());
        offset += member.byteSize();
      }
      expected.add(structure.name() + " " + structure.size());
    }
    expected.add("bits EXITINFO " + Integer.toUnsignedLong(new ExitInfo(14, ExitInfo.HARDWARE, true).bits()));
    expected.add(
        "bits SECINFO " + new Secinfo(PageType.TRIM, new Permissions(false, true, true), false, true, false).flags());

    assertThat(run(program.toString())).containsExactlyInAnyOrderElementsOf(expected);
  }

  private static boolean hasGcc() throws InterruptedException {
    try {
      return new ProcessBuilder("gcc", "--version").redirectErrorStream(true)
          .redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  private static List<String> run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    List<String> lines = process.inputReader().readAllLines();
    assertThat(process.waitFor()).as("%s", lines).isZero();
    return lines;
  }
}
