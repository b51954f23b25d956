package org.enclavisor.host.marshal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.enclavisor.host.edl.CType;
import org.enclavisor.host.edl.Composite;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.host.edl.EdlFunction;
import org.enclavisor.host.edl.Passing;
import org.enclavisor.host.edl.Variable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Our layouts against the C compiler's: structures are written in C from the EDL, as its rules say, and every offset
 * and size is asked of gcc.
 */
class LayoutAgainstCompilerTest {
  private static final String CORPUS =
      """
      enclave {
        include "types.h"
        struct mixed { char c; double d; int16_t s[3]; uint8_t tail; };
        struct nest { char c; struct mixed m; struct mixed many[2]; void* p; wchar_t w; long double x; };
        struct deep { uint32_t n; [count=n] int64_t* values; [size=8] void* raw; };
        union word { uint8_t bytes[5]; uint32_t whole; struct mixed m; };
        enum shape { CIRCLE, SQUARE = 5 };
        trusted {
          public void naked();
          public char scalars(char a, short b, char c, int d, char e, long f, float g, double h, char i, long double j);
          public struct nest structures(char c, struct nest n, union word u, enum shape s, struct mixed m);
          public int strings([in, string] const char* a, uint8_t b, [in, out, string] char* c, char d,
                             [in, wstring] wchar_t* e, uint8_t f);
          public void* buffers([in, size=n] void* a, [out, count=n] int* b, uint8_t n, [user_check] void** c,
                               [in] int d[3][4], [in, out] struct deep* e);
          public colour_t foreign(colour_t a, pair_t b, [in, isary] row_t c, [in, isptr, size=1] handle_t d, char e);
          public uint8_t only_result();
        };
        untrusted {
          void o_naked();
          void o_errno() propagate_errno;
          char o_errno_and_result(char a) propagate_errno;
          int64_t o_strings(uint8_t z, [in, string] const char* a, [in, out, wstring] wchar_t* b) propagate_errno;
          void o_array([out] int a[4], int b, int c);
        };
      };
      """;

  private static final String TYPES =
      """
      typedef enum { RED, GREEN } colour_t;
      typedef struct { char a; int b; } pair_t;
      typedef int row_t[10];
      typedef void* handle_t;
      """;

  @Test
  void corpus(@TempDir Path folder) throws Exception {
    Files.writeString(folder.resolve("types.h"), TYPES);
    Files.writeString(folder.resolve("corpus.edl"), CORPUS);
    compare(Edl.read(folder.resolve("corpus.edl")), TYPES, folder);
  }

  @Test
  void samples(@TempDir Path folder) throws Exception {
    Path examples = Path.of("..", "examples");
    List<Path> files;
    try (Stream<Path> found = Files.walk(examples)) {
      files = found.filter(file -> file.toString().endsWith(".edl")).sorted().toList();
    }
    assertThat(files).isNotEmpty();
    for (Path file : files) {
      compare(Edl.read(file), "", folder);
    }
  }

  private static void compare(Edl edl, String types, Path folder) throws IOException, InterruptedException {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "gcc is not here");
    var table = new TypeTable(edl);
    var source = new StringBuilder();
    for (String header : List.of("stdio.h", "stddef.h", "stdint.h", "wchar.h")) {
      source.append("#include <").append(header).append(">\n");
    }
    source.append(types);
    edl.composites().forEach(composite -> source.append(definition(composite)));
    var main = new StringBuilder("int main(void) {\n");
    var ours = new ArrayList<String>();
    for (EdlFunction function : Stream.concat(edl.ecalls().stream(), edl.ocalls().stream()).toList()) {
      MarshallingStruct struct = MarshallingStruct.of(function, table);
      String name = "struct ms_" + function.name();
      String members = members(function);
      assertThat(struct.isNone()).as(function.name()).isEqualTo(members.isEmpty());
      if (members.isEmpty()) {
        continue;
      }
      source.append(name).append(" {\n").append(members).append("};\n");
      for (MarshallingStruct.Slot slot : struct.slots()) {
        main.append(
            "printf(\"%1$s.%2$s %%zu %%zu\\n\", offsetof(%1$s, %2$s), sizeof ((%1$s*)0)->%2$s);\n"
                .formatted(name, slot.name()));
        ours.add("%s.%s %d %d".formatted(name, slot.name(), slot.offset(), slot.shape().bytes()));
      }
      main.append("printf(\"%1$s %%zu %%zu\\n\", sizeof(%1$s), _Alignof(%1$s));\n".formatted(name));
      ours.add("%s %d %d".formatted(name, struct.bytes(), struct.alignment()));
    }
    for (Composite composite : edl.composites()) {
      if (composite instanceof Composite.StructDef struct) {
        Shape shape = table.shape(new CType.StructRef(struct.name()));
        for (Shape.Member member : ((Shape.Struct) shape).members()) {
          main.append(
              "printf(\"%1$s.%2$s %%zu\\n\", offsetof(struct %1$s, %2$s));\n".formatted(struct.name(), member.name()));
          ours.add(struct.name() + "." + member.name() + " " + member.offset());
        }
        main.append("printf(\"%1$s %%zu\\n\", sizeof(struct %1$s));\n".formatted(struct.name()));
        ours.add(struct.name() + " " + shape.bytes());
      }
    }
    source.append(main).append("return 0; }\n");
    assertThat(run(source.toString(), folder)).containsExactlyElementsOf(ours);
  }

  private static String definition(Composite composite) {
    return switch (composite) {
      case Composite.StructDef struct -> "struct " + struct.name() + " {\n" + declarations(struct.members()) + "};\n";
      case Composite.UnionDef union -> "union " + union.name() + " {\n" + declarations(union.members()) + "};\n";
      case Composite.EnumDef values ->
          "enum " + values.name() + " { "
              + String.join(", ", values.elements().stream().map(Composite.EnumDef.Element::name).toList()) + " };\n";
    };
  }

  private static String declarations(List<Variable> variables) {
    var text = new StringBuilder();
    variables.forEach(variable -> text.append(variable.cDeclaration()).append(";\n"));
    return text.toString();
  }

  /** The members of the structure as the SDK documents them, told once more, apart from the code under test. */
  private static String members(EdlFunction function) {
    var text = new StringBuilder();
    CType result = function.signature().returnType();
    if (result != CType.Basic.VOID) {
      text.append(result.cName()).append(" ms_retval;\n");
    }
    if (function instanceof EdlFunction.Untrusted ocall && ocall.propagatesErrno()) {
      text.append("int ocall_errno;\n");
    }
    for (Variable parameter : function.signature().parameters()) {
      String name = "ms_" + parameter.name();
      switch (parameter.passing()) {
        case Passing.ByValue _ -> text.append(parameter.type().cName()).append(' ').append(name).append(";\n");
        case Passing.ByAddress by -> {
          text.append("void* ").append(name).append(";\n");
          if (by.text() != Passing.Text.NONE && function instanceof EdlFunction.Trusted) {
            text.append("size_t ").append(name).append("_len;\n");
          }
        }
      }
    }
    return text.toString();
  }

  private static List<String> run(String source, Path folder) throws IOException, InterruptedException {
    Path c = Files.writeString(folder.resolve("layout.c"), source);
    Path program = folder.resolve("layout");
    Process gcc =
        new ProcessBuilder("/usr/bin/gcc", "-w", "-o", program.toString(), c.toString())
            .redirectErrorStream(true)
            .start();
    String messages = new String(gcc.getInputStream().readAllBytes());
    assertThat(gcc.waitFor()).as(messages + source).isZero();
    Process run = new ProcessBuilder(program.toString()).start();
    List<String> lines = new String(run.getInputStream().readAllBytes()).lines().toList();
    assertThat(run.waitFor(10, TimeUnit.SECONDS)).isTrue();
    return lines;
  }
}
