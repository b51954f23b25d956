package org.enclavisor.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * The processes and descriptors that this JVM has now, to be compared with those it has later. Descriptors of ordinary
 * files do not count, as class loading opens them.
 */
public record Leaks(Map<String, String> children, Map<String, String> descriptors) {
  private static final long MILLIS = 5000;

  /** What there is now. */
  public static Leaks now() {
    return new Leaks(childProcesses(), specialDescriptors());
  }

  /** Fails if there is more than there was; waits a little for what is about to go. */
  public void assertNoneSince() {
    assertNoneSince(MILLIS);
  }

  /** The same with another idea of a little. */
  void assertNoneSince(long millis) {
    assertThat(eventually(Leaks::childProcesses, children, millis)).as("processes left behind").isEmpty();
    assertThat(eventually(Leaks::specialDescriptors, descriptors, millis)).as("descriptors left open").isEmpty();
  }

  private static Map<String, String> eventually(
      Supplier<Map<String, String>> look, Map<String, String> before, long millis) {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    while (true) {
      var now = look.get();
      now.entrySet().removeAll(before.entrySet());
      if (now.isEmpty() || System.nanoTime() > deadline) {
        return now;
      }
      Thread.onSpinWait();
    }
  }

  /** Process number → command name, of every process whose parent this JVM is. */
  private static Map<String, String> childProcesses() {
    String self = Long.toString(ProcessHandle.current().pid());
    var found = new TreeMap<String, String>();
    try (var processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (Path process : processes) {
        stat(process).filter(s -> s.parent.equals(self)).ifPresent(s -> found.put(s.number, s.name));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return found;
  }

  private record Stat(String number, String name, String parent) {}

  /** {@code /proc/N/stat}: number, (name), state, parent; empty if the process has gone meanwhile. */
  private static Optional<Stat> stat(Path process) throws IOException {
    try {
      String stat = Files.readString(process.resolve("stat"));
      int end = stat.lastIndexOf(')');
      String[] rest = stat.substring(end + 2).split(" ");
      String name = stat.substring(stat.indexOf('('), end + 1);
      return Optional.of(new Stat(process.getFileName().toString(), name, rest[1]));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      if (e.getMessage() != null && e.getMessage().contains("No such process")) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** Descriptor number → target, of memory objects, process descriptors, pipes, sockets and deleted files. */
  private static Map<String, String> specialDescriptors() {
    var found = new TreeMap<String, String>();
    try (var descriptors = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path descriptor : descriptors) {
        String target = target(descriptor);
        if (!target.startsWith("/") || target.startsWith("/memfd:") || target.endsWith("(deleted)")) {
          found.put(descriptor.getFileName().toString(), target);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return found;
  }

  private static String target(Path descriptor) throws IOException {
    try {
      return Files.readSymbolicLink(descriptor).toString();
    } catch (NoSuchFileException e) {
      return "/"; // closed meanwhile: no leak
    }
  }
}
