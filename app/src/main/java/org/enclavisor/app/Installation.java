package org.enclavisor.app;

import java.nio.file.Files;
import java.nio.file.Path;

/** Where the project's own files are. */
final class Installation {
  private Installation() {}

  /** The folder of launcher and examples: the launcher says which, else it is looked for from here upwards. */
  static Path root() {
    String told = System.getProperty("enclavisor.root");
    Path start = told == null ? Path.of("").toAbsolutePath() : Path.of(told);
    for (Path folder = start; folder != null; folder = folder.getParent()) {
      if (Files.isExecutable(folder.resolve("enclavisor")) && Files.isDirectory(folder.resolve("examples"))) {
        return folder;
      }
    }
    throw new Failure(
        ExitCode.BAD_INPUT, "the examples are not to be found from " + start, "Run this by the launcher ./enclavisor.");
  }
}
