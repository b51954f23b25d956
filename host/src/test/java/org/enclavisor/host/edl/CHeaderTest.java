package org.enclavisor.host.edl;

import static org.assertj.core.api.Assertions.assertThat;

import org.enclavisor.host.edl.CType.Basic;
import org.junit.jupiter.api.Test;

class CHeaderTest {

  private static CHeader read(String text) {
    return CHeader.read(new EdlSource.Text("t.h", text));
  }

  @Test
  void readsTypedefs() {
    CHeader header =
        read(
            """
            #ifndef T_H
            #define T_H
            #include <stdint.h>
            #define SIDE 4
            typedef void *buffer_t;
            typedef int array_t[10], square_t[SIDE][SIDE];
            typedef unsigned long long int huge_t;
            typedef const signed char small_t;
            typedef void (*callback_t)(int, void*);
            extern "C" {
            int f(int a);
            static inline int g(void) { if (1) { return 2; } return 3; }
            typedef enum colour { RED, GREEN = 1 << 4 } colour_t;
            }
            #endif
            """);
    assertThat(header.typedefs())
        .containsEntry("buffer_t", new CHeader.Typedef(new CType.Pointer(Basic.VOID), java.util.List.of()))
        .containsEntry("array_t", new CHeader.Typedef(Basic.INT, java.util.List.of(10)))
        .containsEntry("square_t", new CHeader.Typedef(Basic.INT, java.util.List.of(4, 4)))
        .containsEntry("huge_t", new CHeader.Typedef(Basic.UNSIGNED_LONG, java.util.List.of()))
        .containsEntry("small_t", new CHeader.Typedef(Basic.CHAR, java.util.List.of()))
        .containsEntry("callback_t", new CHeader.Typedef(new CType.Pointer(Basic.VOID), java.util.List.of()))
        .containsEntry("colour_t", new CHeader.Typedef(new CType.EnumRef("colour"), java.util.List.of()));
  }

  @Test
  void readsStructures() {
    CHeader header =
        read(
            """
            struct tagged { int a, *b; char c[3]; };
            typedef struct { long l; union { int i; float f; } u; } anonymous_t;
            """);
    assertThat(header.composites()).extracting(Composite::name).contains("tagged", "anonymous_t");
    var tagged =
        (Composite.StructDef)
            header.composites().stream().filter(c -> c.name().equals("tagged")).findFirst().orElseThrow();
    assertThat(tagged.members()).extracting(Variable::cDeclaration).containsExactly("int a", "int* b", "char c[3]");
    assertThat(header.typedefs().get("anonymous_t").type()).isEqualTo(new CType.StructRef("anonymous_t"));
  }

  @Test
  void leavesOutWhatItDoesNotUnderstand() {
    CHeader header =
        read(
            """
            struct bits { int a : 3; };
            struct packed { char a; int b; } __attribute__((packed));
            typedef int sized_t[2 * 3];
            template <typename T> class C { T t; };
            typedef short good_t;
            """);
    assertThat(header.composites()).isEmpty();
    assertThat(header.typedefs()).containsOnlyKeys("good_t");
    assertThat(read("#pragma pack(push, 1)\nstruct s { char a; int b; };\n#pragma pack(pop)").composites()).isEmpty();
    assertThat(read("\"").typedefs()).isEmpty();
  }
}
