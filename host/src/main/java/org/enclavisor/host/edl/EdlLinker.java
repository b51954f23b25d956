package org.enclavisor.host.edl;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Follows imports and joins the files into one list of functions, in the order that {@code sgx_edger8r} gives them
 * (CodeGen.ml, {@code reduce_import}): the importing file first, then each import with its own imports behind it; of a
 * file that comes again only what is new. Confined to one thread.
 */
final class EdlLinker {
  private static final int MOST_IMPORTS = 4096;

  private final EdlSource source;
  private final String places;
  private final Map<String, Part> parsed = new HashMap<>();
  private final Deque<String> open = new ArrayDeque<>();
  private int imports;

  private EdlLinker(EdlSource source, String places) {
    this.source = source;
    this.places = places;
  }

  /** A file, or what of it is to be taken. */
  private record Part(String file, EdlFile content) {
    Part with(List<EdlFunction.Trusted> trusted, List<EdlFunction.Untrusted> untrusted) {
      return new Part(
          file,
          new EdlFile(content.name(), content.includes(), content.imports(), content.composites(), trusted, untrusted));
    }
  }

  static Edl link(EdlSource.Text top, EdlSource source, String places) {
    var linker = new EdlLinker(source, places);
    Part part = linker.parse(top);
    linker.open.push(part.file());
    List<Part> parts = linker.importAll(part, List.of("*"), new SourcePosition(top.file(), 1, 1));
    var checks = new EdlChecks(part.content().name(), top.file());
    return checks.check(
        linker.headers(parts),
        parts.stream().flatMap(p -> p.content().composites().stream()).toList(),
        parts.stream().flatMap(p -> p.content().trusted().stream()).toList(),
        parts.stream().flatMap(p -> p.content().untrusted().stream()).toList());
  }

  private Part parse(EdlSource.Text text) {
    Part known = parsed.get(text.file());
    if (known != null) {
      return known;
    }
    var part = new Part(text.file(), EdlParser.parse(text.file(), cName(text.file()), text.content()));
    parsed.put(text.file(), part);
    return part;
  }

  /** The file's name without folder and extension, with an underscore for whatever is no letter or digit. */
  static String cName(String file) {
    String base = file.substring(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
    int dot = base.lastIndexOf('.');
    String stem = dot > 0 ? base.substring(0, dot) : base;
    return stem.replaceAll("[^A-Za-z0-9]", "_");
  }

  private Part open(EdlFile.Import wanted, String importer) {
    if (++imports > MOST_IMPORTS) {
      throw new MalformedEdlException(wanted.position(), "import", "at most " + MOST_IMPORTS + " imports", "more");
    }
    EdlSource.Text text =
        source
            .find(wanted.module(), importer)
            .orElseThrow(
                () ->
                    new MalformedEdlException(
                        wanted.position(), "import", "\"" + wanted.module() + "\" in " + places, "no such file"));
    if (open.contains(text.file())) {
      var path = new ArrayList<>(open.reversed());
      path.add(text.file());
      throw new MalformedEdlException(
          wanted.position(), "import", "no cycle", String.join(" -> ", path));
    }
    Part part = parse(text);
    open.push(part.file());
    return part;
  }

  /** The wanted functions of a part whose file is on top of {@link #open}, and takes it from there. */
  private List<Part> importAll(Part part, List<String> wanted, SourcePosition position) {
    List<Part> result = new ArrayList<>();
    List<String> missing;
    if (wanted.contains("*")) {
      result.add(part);
      missing = wanted;
    } else {
      EdlFile content = part.content();
      Set<String> here = new HashSet<>();
      Stream.concat(content.trusted().stream(), content.untrusted().stream()).forEach(f -> here.add(f.name()));
      missing = wanted.stream().filter(name -> !here.contains(name)).toList();
      result.add(
          part.with(
              content.trusted().stream().filter(f -> wanted.contains(f.name())).toList(),
              content.untrusted().stream().filter(f -> wanted.contains(f.name())).toList()));
      if (content.imports().isEmpty() && !missing.isEmpty()) {
        throw new MalformedEdlException(
            position, "import", "function " + missing.getFirst() + " in " + part.file(), "no such function");
      }
    }
    boolean all = wanted.contains("*");
    for (EdlFile.Import next : part.content().imports()) {
      // As the SDK does it: a list of names is passed on as it is, whatever the inner import asks for.
      List<String> inner = all ? next.functions() : missing;
      Part opened = open(next, part.file());
      result = join(result, importAll(opened, inner, all ? next.position() : position));
    }
    open.pop();
    return result;
  }

  /** Appends parts; of one whose name is there already, only the functions that are not. */
  private static List<Part> join(List<Part> first, List<Part> second) {
    var joined = new ArrayList<>(first);
    for (Part part : second) {
      String name = part.content().name();
      Part before = joined.stream().filter(p -> p.content().name().equals(name)).findFirst().orElse(null);
      if (before == null) {
        joined.add(part);
      } else {
        joined.add(
            new Part(
                part.file(),
                new EdlFile(
                    "",
                    List.of(),
                    List.of(),
                    List.of(),
                    without(part.content().trusted(), before.content().trusted()),
                    without(part.content().untrusted(), before.content().untrusted()))));
      }
    }
    return joined;
  }

  private static <F> List<F> without(List<F> functions, List<F> known) {
    return functions.stream().filter(function -> !known.contains(function)).toList();
  }

  private List<EdlSource.Text> headers(List<Part> parts) {
    var headers = new HashMap<String, EdlSource.Text>();
    var ordered = new ArrayList<EdlSource.Text>();
    for (Part part : parts) {
      for (String include : part.content().includes()) {
        source
            .find(include, part.file())
            .filter(text -> headers.putIfAbsent(text.file(), text) == null)
            .ifPresent(ordered::add);
      }
    }
    return ordered;
  }
}
