package org.enclavisor.app;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.tomlj.Toml;
import org.tomlj.TomlArray;
import org.tomlj.TomlParseResult;
import org.tomlj.TomlTable;

/**
 * What {@code run} is pointed at: an image, its EDL, and the calls to make when none are named.
 *
 * <p>A folder says so in {@code enclave.toml}:
 *
 * <pre>
 * image = "hello.signed.so"
 * edl = "hello.edl"
 *
 * [[call]]
 * ecall = "hello"
 * args = ["world"]
 * </pre>
 *
 * @param image the enclave image
 * @param edl the interface; absent for a lone image without one beside it
 * @param calls in the order of the file
 */
record EnclaveFolder(Path image, Optional<Path> edl, List<Call> calls) {

  /** The file that describes a folder. */
  static final String DESCRIPTION = "enclave.toml";

  private static final Set<String> KEYS = Set.of("image", "edl", "call");
  private static final Set<String> CALL_KEYS = Set.of("ecall", "args", "expect", "times");

  private static final int MOST_TIMES = 1_000_000;

  /**
   * @param ecall the name in the EDL
   * @param arguments as written on a command line
   * @param expect what the call must return, as it is printed, the last time; absent if anything will do
   * @param times how often to make it, at least once
   */
  record Call(String ecall, List<String> arguments, Optional<String> expect, int times) {
    Call(String ecall, List<String> arguments) {
      this(ecall, arguments, Optional.empty(), 1);
    }
  }

  /**
   * @param path a folder with an {@code enclave.toml}, or an image
   * @param edl the EDL named on the command line, if any
   */
  static EnclaveFolder of(Path path, Optional<Path> edl) {
    if (!Files.exists(path)) {
      throw new Failure(
          ExitCode.BAD_INPUT, path + ": no such file or folder",
          "Name an image or a folder with " + DESCRIPTION + ".");
    }
    edl.ifPresent(file -> requireFile(file, "Name the EDL after --edl."));
    if (Files.isDirectory(path)) {
      EnclaveFolder folder = read(path);
      return edl.isPresent() ? new EnclaveFolder(folder.image, edl, folder.calls) : folder;
    }
    return new EnclaveFolder(path, edl.or(() -> besides(path)), List.of());
  }

  /** {@code x.edl} beside {@code x.signed.so} or {@code x.so}. */
  private static Optional<Path> besides(Path image) {
    String stem = image.getFileName().toString().replaceFirst("(\\.signed)?\\.[^.]+$", "");
    Path guess = image.resolveSibling(stem + ".edl");
    return Files.exists(guess) ? Optional.of(guess) : Optional.empty();
  }

  private static void requireFile(Path file, String next) {
    if (!Files.isReadable(file) || Files.isDirectory(file)) {
      throw new Failure(ExitCode.BAD_INPUT, file + ": no such file, or it cannot be read", next);
    }
  }

  private static EnclaveFolder read(Path folder) {
    Path file = folder.resolve(DESCRIPTION);
    if (!Files.exists(file)) {
      throw new Failure(
          ExitCode.BAD_INPUT,
          folder + " holds no " + DESCRIPTION,
          "Write one with at least: image = \"my.signed.so\" — or name the image itself.");
    }
    TomlParseResult toml;
    try {
      toml = Toml.parse(file);
    } catch (IOException e) {
      throw new Failure(ExitCode.BAD_INPUT, file + " cannot be read: " + e.getMessage(), "");
    }
    if (toml.hasErrors()) {
      throw new Failure(ExitCode.BAD_INPUT, file + ": " + toml.errors().getFirst(), "");
    }
    onlyKnown(file, toml, KEYS);
    String image = toml.getString("image");
    if (image == null) {
      throw new Failure(ExitCode.BAD_INPUT, file + ": no image", "Add a line: image = \"my.signed.so\"");
    }
    Optional<Path> edl = Optional.ofNullable(toml.getString("edl")).map(folder::resolve);
    requireFile(folder.resolve(image), "Correct 'image' in %s, or build it.".formatted(file));
    edl.ifPresent(named -> requireFile(named, "Correct 'edl' in %s.".formatted(file)));
    return new EnclaveFolder(folder.resolve(image), edl, calls(file, toml));
  }

  private static List<Call> calls(Path file, TomlTable toml) {
    TomlArray array = toml.getArrayOrEmpty("call");
    List<Call> calls = new ArrayList<>();
    for (int i = 0; i < array.size(); i++) {
      TomlTable call = array.getTable(i);
      onlyKnown(file, call, CALL_KEYS);
      String ecall = call.getString("ecall");
      if (ecall == null) {
        throw new Failure(ExitCode.BAD_INPUT, "%s: call %d names no ecall".formatted(file, i + 1), "");
      }
      List<String> arguments = call.getArrayOrEmpty("args").toList().stream().map(String::valueOf).toList();
      Optional<String> expect = Optional.ofNullable(call.get("expect")).map(String::valueOf);
      calls.add(new Call(ecall, arguments, expect, times(file, call, i + 1)));
    }
    return List.copyOf(calls);
  }

  private static int times(Path file, TomlTable call, int number) {
    Object times = call.get("times");
    if (times == null) {
      return 1;
    }
    if (!(times instanceof Long count) || count < 1 || count > MOST_TIMES) {
      throw new Failure(
          ExitCode.BAD_INPUT,
          "%s: call %d: times = %s: expected a number from 1 to %d".formatted(file, number, times, MOST_TIMES),
          "");
    }
    return count.intValue();
  }

  /** A misspelt key would otherwise be an option silently not taken. */
  private static void onlyKnown(Path file, TomlTable table, Set<String> known) {
    for (String key : table.keySet()) {
      if (!known.contains(key)) {
        throw new Failure(
            ExitCode.BAD_INPUT, "%s: unknown key '%s'".formatted(file, key),
            "Known are: " + String.join(", ", known.stream().sorted().toList()));
      }
    }
  }
}
