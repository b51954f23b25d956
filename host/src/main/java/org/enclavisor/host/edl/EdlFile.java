package org.enclavisor.host.edl;

import java.util.List;

/**
 * One EDL file, before its imports are followed. Each list is in the order of the file.
 *
 * @param name the file's name without folder and extension, every character that C does not allow in a name replaced
 * @param includes C headers, of the enclave block and of the blocks in it
 */
public record EdlFile(
    String name,
    List<String> includes,
    List<Import> imports,
    List<Composite> composites,
    List<EdlFunction.Trusted> trusted,
    List<EdlFunction.Untrusted> untrusted) {

  public EdlFile {
    includes = List.copyOf(includes);
    imports = List.copyOf(imports);
    composites = List.copyOf(composites);
    trusted = List.copyOf(trusted);
    untrusted = List.copyOf(untrusted);
  }

  /**
   * {@code from "module" import functions}.
   *
   * @param functions the names; {@code *} for all
   */
  public record Import(String module, List<String> functions, SourcePosition position) {
    public Import {
      functions = List.copyOf(functions);
    }

    /** Whether everything is imported. */
    public boolean all() {
      return functions.contains("*");
    }
  }
}
