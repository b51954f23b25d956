package org.enclavisor.testkit;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;

/** What the kernel tells about processes and their memory. Stateless. */
public final class ProcessView {
  private ProcessView() {}

  /** A mapping of a process: {@code end} is the first address after it. */
  public record Mapping(long start, long end, String permissions, String name) {}

  /** Processes whose parent is the given one; zombies are none. */
  public static Set<Long> children(long parent) throws IOException {
    Set<Long> found = new TreeSet<>();
    try (var processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (Path process : processes) {
        String[] stat = stat(Long.parseLong(process.getFileName().toString()));
        if (stat.length > 1 && stat[1].equals(Long.toString(parent)) && !stat[0].equals("Z")) {
          found.add(Long.parseLong(process.getFileName().toString()));
        }
      }
    }
    return found;
  }

  public static Set<Long> ownChildren() throws IOException {
    return children(ProcessHandle.current().pid());
  }

  /** Whether there is such a process and it is more than a zombie. */
  public static boolean lives(long process) {
    String[] stat = stat(process);
    return stat.length > 0 && !stat[0].equals("Z") && !stat[0].equals("X");
  }

  /** State, parent and so on; nothing if there is no such process. */
  private static String[] stat(long process) {
    try {
      String stat = Files.readString(Path.of("/proc/" + process + "/stat"));
      return stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    } catch (IOException e) {
      return new String[0]; // it is gone
    }
  }

  /** The mappings of a process below the kernel's; none if we may not look. */
  public static List<Mapping> mappings(long process) {
    List<Mapping> mappings = new ArrayList<>();
    try {
      for (String line : Files.readAllLines(Path.of("/proc/" + process + "/maps"))) {
        String[] words = line.split("\\s+", 6);
        String[] range = words[0].split("-");
        long start = Long.parseUnsignedLong(range[0], 16);
        if (start >= 0) {
          String name = words.length > 5 ? words[5] : "";
          mappings.add(new Mapping(start, Long.parseUnsignedLong(range[1], 16), words[1], name));
        }
      }
    } catch (IOException e) {
      return List.of();
    }
    return mappings;
  }

  /** Addresses of two bytes that are SYSCALL, in a mapping's first MiB; none if we may not look. */
  public static List<Long> syscallInstructions(long process, Mapping mapping) {
    List<Long> found = new ArrayList<>();
    try (var memory = new RandomAccessFile("/proc/" + process + "/mem", "r")) {
      byte[] bytes = new byte[(int) Math.min(mapping.end() - mapping.start(), 1 << 20)];
      memory.seek(mapping.start());
      int length = memory.read(bytes);
      for (int i = 0; i + 1 < length; i++) {
        if (bytes[i] == 0x0f && bytes[i + 1] == 0x05) {
          found.add(mapping.start() + i);
        }
      }
    } catch (IOException e) {
      return List.of();
    }
    return found;
  }

  /** A field of {@code /proc/N/smaps_rollup} in bytes, for example {@code Pss}; empty if we may not look. */
  public static OptionalLong memory(long process, String field) {
    try {
      return Files.readAllLines(Path.of("/proc/" + process + "/smaps_rollup")).stream()
          .filter(line -> line.startsWith(field + ":"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
          .findFirst();
    } catch (IOException e) {
      return OptionalLong.empty();
    }
  }
}
