package org.enclavisor.host.edl;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Where imported EDL files and included C headers come from. */
@FunctionalInterface
public interface EdlSource {

  /**
   * Finds a file.
   *
   * @param name as written after {@code from} or {@code include}
   * @param importer the {@link Text#file} in which it is written
   */
  Optional<Text> find(String name, String importer);

  /**
   * A file's content.
   *
   * @param file what identifies the file, as shown to people
   */
  record Text(String file, String content) {}

  /** The EDL files of the SDK's own libraries, which need not be on the disk: {@code sgx_tstdc.edl} and others. */
  static EdlSource bundled() {
    return (name, importer) -> {
      String file = name.substring(name.lastIndexOf('/') + 1);
      if (!StandardEdl.NAMES.contains(file)) {
        return Optional.empty();
      }
      try (InputStream in = EdlSource.class.getResourceAsStream(file)) {
        if (in == null) {
          return Optional.empty();
        }
        return Optional.of(new Text("<sdk>/" + file, new String(in.readAllBytes(), StandardCharsets.UTF_8)));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    };
  }

  /**
   * Files on the disk: an absolute name as it is; else in each folder of the search path, then in the folder of the
   * importing file, then in the given one; and at last the bundled ones.
   *
   * @param home the folder of the EDL file that is read first
   */
  static EdlSource files(Path home, List<Path> searchPath) {
    return (name, importer) -> {
      Set<Path> folders = new LinkedHashSet<>(searchPath);
      Path importerFolder = importer.startsWith("<") ? null : Path.of(importer).getParent();
      if (importerFolder != null) {
        folders.add(importerFolder);
      }
      folders.add(home);
      for (Path folder : folders) {
        Path candidate = folder.resolve(name).normalize();
        if (Files.isRegularFile(candidate)) {
          return Optional.of(read(candidate));
        }
      }
      return bundled().find(name, importer);
    };
  }

  /** Reads a file as UTF-8, or as Latin-1 if it is not. */
  static Text read(Path file) {
    try {
      return new Text(file.toString(), Files.readString(file));
    } catch (MalformedInputException notUtf8) {
      return new Text(file.toString(), readLatin1(file));
    } catch (IOException e) {
      throw new MalformedEdlException(
          new SourcePosition(file.toString(), 1, 1), "file", "a readable file", String.valueOf(e.getMessage()));
    }
  }

  private static String readLatin1(Path file) {
    try {
      return Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The folders and built-in files that were looked at, for an error message. */
  static String places(Path home, List<Path> searchPath) {
    var places = new ArrayList<String>();
    searchPath.forEach(path -> places.add(path.toString()));
    places.add(home.toString());
    places.add("the bundled files of the SDK");
    return String.join(", ", places);
  }
}
