package org.enclavisor.testkit.mutants;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/** Compiles one changed file of the monitor against the rest, in memory. */
final class MutantCompiler {
  private static final Path SOURCES = Path.of("..", "monitor", "src", "main", "java", "org", "enclavisor", "monitor");

  private MutantCompiler() {}

  /**
   * The classes of the changed file, by name.
   *
   * @throws IllegalArgumentException if the text is not there exactly once, or the result does not compile
   */
  static Map<String, byte[]> compile(Mutant mutant) {
    String source = source(mutant);
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    var messages = new StringWriter();
    try (var manager = new Memory(compiler.getStandardFileManager(null, null, null))) {
      var unit =
          new SimpleJavaFileObject(
              URI.create("mutant:///org/enclavisor/monitor/" + mutant.file()), JavaFileObject.Kind.SOURCE) {
            @Override
            public CharSequence getCharContent(boolean ignoreEncodingErrors) {
              return source;
            }
          };
      var options = List.of("-nowarn", "-proc:none", "-cp", System.getProperty("java.class.path"));
      if (!compiler.getTask(messages, manager, null, options, null, List.of(unit)).call()) {
        throw new IllegalArgumentException(mutant + " does not compile: " + messages);
      }
      return manager.classes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The changed source. */
  static String source(Mutant mutant) {
    try {
      String source = Files.readString(SOURCES.resolve(mutant.file()));
      int at = source.indexOf(mutant.text());
      if (at < 0 || source.indexOf(mutant.text(), at + 1) >= 0) {
        throw new IllegalArgumentException(
            mutant.file() + ": «" + mutant.text() + "» is " + (at < 0 ? "not there" : "there more than once"));
      }
      return source.substring(0, at) + mutant.replacement() + source.substring(at + mutant.text().length());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static final class Memory extends ForwardingJavaFileManager<JavaFileManager> {
    private final Map<String, ByteArrayOutputStream> outputs = new HashMap<>();

    Memory(JavaFileManager manager) {
      super(manager);
    }

    Map<String, byte[]> classes() {
      Map<String, byte[]> result = new HashMap<>();
      outputs.forEach((name, bytes) -> result.put(name, bytes.toByteArray()));
      return result;
    }

    @Override
    public JavaFileObject getJavaFileForOutput(
        Location location, String className, JavaFileObject.Kind kind, FileObject sibling) {
      URI uri = URI.create("mutant:///" + className.replace('.', '/') + ".class");
      return new SimpleJavaFileObject(uri, kind) {
        @Override
        public OutputStream openOutputStream() {
          return outputs.computeIfAbsent(className, name -> new ByteArrayOutputStream());
        }
      };
    }
  }
}
