package org.enclavisor.host.edl;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What an enclave offers and asks for: the functions of its EDL file and of all that it imports, numbered as the code
 * in the enclave numbers them. The number of a function is its place in {@link #ecalls()} or {@link #ocalls()}.
 *
 * @param name the file's name without folder and extension, as a C name
 * @param headers the included C headers that were found, for the types that they define
 * @param composites structures, unions and enumerations
 * @param warnings what is allowed but is likely to be a mistake, each with its place
 */
public record Edl(
    String name,
    List<EdlSource.Text> headers,
    List<Composite> composites,
    List<EdlFunction.Trusted> ecalls,
    List<EdlFunction.Untrusted> ocalls,
    List<String> warnings) {

  public Edl {
    headers = List.copyOf(headers);
    composites = List.copyOf(composites);
    ecalls = List.copyOf(ecalls);
    ocalls = List.copyOf(ocalls);
    warnings = List.copyOf(warnings);
  }

  /** An interface without functions, for an image that is loaded but not called. */
  public static Edl none(String name) {
    return new Edl(name, List.of(), List.of(), List.of(), List.of(), List.of());
  }

  /**
   * Reads an EDL file and what it imports.
   *
   * @param searchPath folders in which imports are looked for before the folder of the importing file
   * @throws MalformedEdlException if a file is missing or wrong
   */
  public static Edl read(Path file, Path... searchPath) {
    return read(file, List.of(searchPath));
  }

  /**
   * Reads an EDL file and what it imports.
   *
   * @param searchPath folders in which imports are looked for before the folder of the importing file
   * @throws MalformedEdlException if a file is missing or wrong
   */
  public static Edl read(Path file, List<Path> searchPath) {
    Path absolute = file.toAbsolutePath().normalize();
    Path parent = absolute.getParent();
    Path home = parent == null ? absolute : parent;
    return EdlLinker.link(
        EdlSource.read(absolute), EdlSource.files(home, searchPath), EdlSource.places(home, searchPath));
  }

  /**
   * Reads EDL text; imports are found among the bundled files only.
   *
   * @param file a name for error messages, from which {@link #name()} is made
   */
  public static Edl parse(String file, String text) {
    return EdlLinker.link(new EdlSource.Text(file, text), EdlSource.bundled(), "the bundled files of the SDK");
  }

  /**
   * Reads EDL text whose imports come from a given source.
   *
   * @param file a name for error messages, from which {@link #name()} is made
   */
  public static Edl parse(String file, String text, EdlSource imports) {
    return EdlLinker.link(new EdlSource.Text(file, text), imports, "the given source");
  }

  /** The number of the ECALL with this name in C, or -1. */
  public int ecallIndex(String function) {
    return index(ecalls, function);
  }

  /** The number of the OCALL with this name in C, or -1. */
  public int ocallIndex(String function) {
    return index(ocalls, function);
  }

  private static int index(List<? extends EdlFunction> functions, String name) {
    for (int i = 0; i < functions.size(); i++) {
      if (functions.get(i).name().equals(name)) {
        return i;
      }
    }
    return -1;
  }

  /** The structure of this tag. */
  public Optional<Composite.StructDef> struct(String tag) {
    return composites.stream()
        .filter(composite -> composite instanceof Composite.StructDef && composite.name().equals(tag))
        .map(Composite.StructDef.class::cast)
        .findFirst();
  }

  /**
   * Whether an ECALL may be made while an OCALL is under way: the enclave's dynamic entry table.
   *
   * @param ocall number of the OCALL
   * @param ecall number of the ECALL
   */
  public boolean allows(int ocall, int ecall) {
    return ocalls.get(ocall).allowed().contains(ecalls.get(ecall).name());
  }
}
