package org.enclavisor.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ./enclavisor} in a fresh copy of the project: builds on first use, and starts what it built afterwards. */
@Tag("soak")
class LauncherTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Set<String> NOT_COPIED = Set.of("target", ".git");

  @TempDir private Path copy;

  private record Ran(int status, String out, String err, long millis) {}

  private Ran run(Path folder, String... command) throws IOException, InterruptedException {
    Path out = copy.resolve("out.txt");
    Path err = copy.resolve("err.txt");
    long start = System.nanoTime();
    Process process =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    assertThat(process.waitFor(10, TimeUnit.MINUTES)).isTrue();
    long millis = (System.nanoTime() - start) / 1_000_000;
    return new Ran(process.exitValue(), Files.readString(out), Files.readString(err), millis);
  }

  private Path copyOfTheProject() throws IOException {
    Path target = copy.resolve("a project");
    Files.walkFileTree(ROOT, new SimpleFileVisitor<>() {
      @Override
      public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) throws IOException {
        if (NOT_COPIED.contains(folder.getFileName().toString())) {
          return FileVisitResult.SKIP_SUBTREE;
        }
        Files.createDirectories(target.resolve(ROOT.relativize(folder)));
        return FileVisitResult.CONTINUE;
      }

      @Override
      public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
        Files.copy(file, target.resolve(ROOT.relativize(file)), java.nio.file.StandardCopyOption.COPY_ATTRIBUTES);
        return FileVisitResult.CONTINUE;
      }
    });
    return target;
  }

  @Test
  void itBuildsOnFirstUseAndIsFastAfterwards() throws IOException, InterruptedException {
    Path project = copyOfTheProject();
    Ran first = run(project, "./enclavisor", "run", "examples/hello");
    assertThat(first.status()).as(first.toString()).isZero();
    assertThat(first.err()).contains("building");
    assertThat(first.out()).contains("Hello, world! This is greeting 1 from inside the enclave.");

    List<Long> warm = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      Ran again = run(project, "./enclavisor", "run", "examples/hello");
      assertThat(again.status()).as(again.toString()).isZero();
      assertThat(again.err()).isEmpty();
      warm.add(again.millis());
    }
    warm.sort(null);
    System.out.println("LauncherTest: first " + first.millis() + " ms, warm " + warm);

    // Jars that somebody else built anew: no complaint about a cache that was made for the old ones.
    Path jars = project.resolve("app/target/dist/lib");
    try (var files = Files.newDirectoryStream(jars, "enclavisor-*.jar")) {
      for (Path jar : files) {
        Files.setLastModifiedTime(jar, java.nio.file.attribute.FileTime.from(java.time.Instant.now()));
      }
    }
    Ran rebuilt = run(project, "./enclavisor", "run", "examples/hello");
    assertThat(rebuilt.status()).as(rebuilt.toString()).isZero();
    assertThat(rebuilt.err()).isEqualTo("enclavisor: preparing a fast start ...\n");

    // From elsewhere, by a link, with a relative path of where one stands; and the exit status comes through.
    Path link = Files.createSymbolicLink(copy.resolve("link"), project.resolve("enclavisor"));
    Ran elsewhere = run(project.resolve("examples"), link.toString(), "inspect", "hello", "--json");
    assertThat(elsewhere.status()).as(elsewhere.toString()).isZero();
    assertThat(elsewhere.out()).startsWith("{");
    assertThat(run(project, "./enclavisor", "inspect", "nowhere").status()).isEqualTo(ExitCode.BAD_INPUT);

    // A changed source is built again; one that does not compile is not run.
    Path source = project.resolve("app/src/main/java/org/enclavisor/app/Main.java");
    String text = Files.readString(source);
    Files.writeString(source, text.replace("Enclavisor 0.1.0", "Enclavisor 0.1.0-changed"));
    assertThat(run(project, "./enclavisor", "--version").out()).contains("0.1.0-changed");
    Files.writeString(source, text.replace("public final class Main {", "public final class Main { oops"));
    Ran broken = run(project, "./enclavisor", "--version");
    assertThat(broken.status()).isEqualTo(ExitCode.INTERNAL);
    assertThat(broken.err()).contains("the build failed");
    assertThat(broken.out()).isEmpty();
  }
}
