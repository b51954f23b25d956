package org.enclavisor.host.edl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.enclavisor.host.marshal.MarshallingStruct;
import org.enclavisor.host.marshal.TypeTable;
import org.enclavisor.host.marshal.UnknownTypeException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Damaged EDL files and headers end in one exception that names a place, or mean something; never in another way. */
@Timeout(60)
class EdlFuzzTest {
  private static final int ROUNDS = 20_000;
  private static final String[] PIECES = {
    "[in, size=n]", "[", "]", "{", "}", "(", ")", ";", ",", "*", "=", "\"", "/*", "*/", "//", "#if 1\n", "#endif\n",
    "#define A A B\n", "\n#else\n", "struct", "enum", "union", "unsigned", "long", "void", "const", "public", "allow",
    "from \"sgx_tstdc.edl\" import *;", "65536", "99999999999999999999", "[65536]", "propagate_errno", "\0", "\u00e9"
  };

  private static List<String> seeds() throws IOException {
    var seeds = new ArrayList<String>();
    try (Stream<Path> found = Files.walk(Path.of("..", "examples"))) {
      for (Path file : found.filter(path -> path.toString().endsWith(".edl")).sorted().toList()) {
        seeds.add(Files.readString(file));
      }
    }
    for (String name : StandardEdl.NAMES.stream().sorted().toList()) {
      seeds.add(EdlSource.bundled().find(name, "").orElseThrow().content());
    }
    return seeds;
  }

  private static String damage(String text, Random random) {
    var damaged = new StringBuilder(text);
    for (int i = 1 + random.nextInt(4); i > 0 && !damaged.isEmpty(); i--) {
      int at = random.nextInt(damaged.length());
      int end = Math.min(damaged.length(), at + 1 + random.nextInt(12));
      switch (random.nextInt(5)) {
        case 0 -> damaged.delete(at, end);
        case 1 -> damaged.insert(at, PIECES[random.nextInt(PIECES.length)]);
        case 2 -> damaged.insert(at, damaged.substring(at, end));
        case 3 -> damaged.setCharAt(at, (char) (32 + random.nextInt(96)));
        default -> damaged.setLength(at);
      }
    }
    return damaged.toString();
  }

  @Test
  void damagedFiles() throws IOException {
    var random = new Random(20_260_101);
    List<String> seeds = seeds();
    int accepted = 0;
    int refused = 0;
    for (int i = 0; i < ROUNDS; i++) {
      String text = damage(seeds.get(random.nextInt(seeds.size())), random);
      try {
        Edl edl = Edl.parse("fuzz.edl", text);
        layOut(edl);
        accepted++;
      } catch (MalformedEdlException e) {
        assertThat(e.position().line()).isPositive();
        refused++;
      }
    }
    assertThat(accepted).isPositive();
    assertThat(refused).isPositive();
  }

  private static void layOut(Edl edl) {
    var types = new TypeTable(edl);
    Stream.<EdlFunction>concat(edl.ecalls().stream(), edl.ocalls().stream())
        .forEach(
            function -> {
              try {
                assertThat(MarshallingStruct.of(function, types).bytes()).isNotNegative();
              } catch (UnknownTypeException unknown) {
                assertThat(unknown).hasMessageContaining("type '");
              }
            });
  }

  @Test
  void damagedHeaders() {
    var random = new Random(20_260_102);
    String header =
        """
        #ifndef H
        #define SIDE 4
        typedef struct tag { int a, *b; struct { char c[SIDE]; } inner; union { float f; } u; } tag_t;
        typedef void (*callback_t)(int, void*);
        extern "C" { static int f(void) { return 3; } }
        typedef enum colour { RED, GREEN = 1 << 4 } colour_t;
        #endif
        """;
    int understood = 0;
    for (int i = 0; i < ROUNDS; i++) {
      understood += CHeader.read(new EdlSource.Text("fuzz.h", damage(header, random))).typedefs().size();
    }
    assertThat(understood).isPositive();
  }

  @Test
  void deepAndLong() {
    String stars = "*".repeat(100_000);
    String brackets = "[1]".repeat(100_000);
    String parentheses = "(".repeat(100_000);
    for (String text :
        List.of(
            "enclave { trusted { public void f([user_check] int" + stars + " p); }; };",
            "enclave { trusted { public void f([user_check] int p" + brackets + "); }; };",
            "#if " + parentheses + "1\nenclave",
            "#if " + "!".repeat(100_000) + "1\nenclave",
            "#define A " + "B ".repeat(3000) + "\n#define B " + "C ".repeat(3000) + "\nenclave { A",
            "enclave { " + "struct s { ".repeat(100_000))) {
      try {
        Edl.parse("deep.edl", text);
      } catch (MalformedEdlException e) {
        assertThat(e.position().file()).isEqualTo("deep.edl");
      }
    }
    assertThat(CHeader.read(new EdlSource.Text("deep.h", "typedef struct { ".repeat(100_000))).typedefs()).isEmpty();
  }
}
