package org.enclavisor.host.edl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.Stream;
import org.enclavisor.host.edl.CType.Basic;
import org.enclavisor.host.edl.CType.Pointer;
import org.enclavisor.host.edl.Passing.ByAddress;
import org.enclavisor.host.edl.Passing.ByValue;
import org.enclavisor.host.edl.Passing.Direction;
import org.enclavisor.host.edl.Passing.Extent;
import org.enclavisor.host.edl.Passing.ForeignForm;
import org.enclavisor.host.edl.Passing.Text;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class EdlParserTest {

  private static Edl ecall(String declaration) {
    return Edl.parse("t.edl", "enclave { trusted { public " + declaration + "; }; };");
  }

  private static Variable parameter(String declaration) {
    return ecall("void f(" + declaration + ", size_t n)").ecalls().getFirst().signature().parameters().getFirst();
  }

  private static ByAddress address(String declaration) {
    return (ByAddress) parameter(declaration).passing();
  }

  @ParameterizedTest
  @MethodSource("types")
  void readsEveryType(String written, CType type) {
    assertThat(parameter(written + " p").type()).isEqualTo(type);
    assertThat(parameter(written + " p").passing()).isEqualTo(ByValue.INSTANCE);
  }

  static Stream<Arguments> types() {
    return Stream.of(
        Arguments.of("char", Basic.CHAR),
        Arguments.of("unsigned char", Basic.UNSIGNED_CHAR),
        Arguments.of("short", Basic.SHORT),
        Arguments.of("short int", Basic.SHORT),
        Arguments.of("unsigned short", Basic.UNSIGNED_SHORT),
        Arguments.of("unsigned short int", Basic.UNSIGNED_SHORT),
        Arguments.of("int", Basic.INT),
        Arguments.of("unsigned", Basic.UNSIGNED_INT),
        Arguments.of("unsigned int", Basic.UNSIGNED_INT),
        Arguments.of("long", Basic.LONG),
        Arguments.of("long int", Basic.LONG),
        Arguments.of("unsigned long", Basic.UNSIGNED_LONG),
        Arguments.of("long long", Basic.LONG_LONG),
        Arguments.of("unsigned long long", Basic.UNSIGNED_LONG_LONG),
        Arguments.of("float", Basic.FLOAT),
        Arguments.of("double", Basic.DOUBLE),
        Arguments.of("long double", Basic.LONG_DOUBLE),
        Arguments.of("int8_t", Basic.INT8),
        Arguments.of("uint64_t", Basic.UINT64),
        Arguments.of("size_t", Basic.SIZE_T),
        Arguments.of("wchar_t", Basic.WCHAR_T),
        Arguments.of("struct s", new CType.StructRef("s")),
        Arguments.of("union u", new CType.UnionRef("u")),
        Arguments.of("enum e", new CType.EnumRef("e")),
        Arguments.of("sgx_status_t", new CType.Foreign("sgx_status_t")));
  }

  @Test
  void readsDirections() {
    assertThat(address("[in] int* p").direction()).isEqualTo(Direction.IN);
    assertThat(address("[out] int* p").direction()).isEqualTo(Direction.OUT);
    assertThat(address("[in, out] int* p").direction()).isEqualTo(Direction.IN_OUT);
    assertThat(address("[out, in] int* p").direction()).isEqualTo(Direction.IN_OUT);
    assertThat(address("[user_check] void* p").unchecked()).isTrue();
  }

  @Test
  void readsSizesAndStrings() {
    ByAddress sized = address("[in, size=8, count=n] void* p");
    assertThat(sized.size()).isEqualTo(new Extent.Literal(8));
    assertThat(sized.count()).isEqualTo(new Extent.Named("n"));
    assertThat(address("[in, string] const char* p").text()).isEqualTo(Text.STRING);
    assertThat(address("[in, string] const char* p").readOnly()).isTrue();
    assertThat(address("[in, out, wstring] wchar_t* p").text()).isEqualTo(Text.WSTRING);
  }

  @Test
  void readsArraysAndForeignTypes() {
    Variable matrix = parameter("[in] int p[2][3]");
    assertThat(matrix.dimensions()).containsExactly(2, 3);
    assertThat(matrix.elements()).isEqualTo(6);
    assertThat(address("[in, isptr, readonly, size=n] buffer_t p").foreign()).isEqualTo(ForeignForm.POINTER);
    assertThat(address("[in, isary] array_t p").foreign()).isEqualTo(ForeignForm.ARRAY);
    assertThat(parameter("[user_check] int** p").type()).isEqualTo(new Pointer(new Pointer(Basic.INT)));
  }

  @Test
  void readsOcalls() {
    Edl edl =
        Edl.parse(
            "t.edl",
            """
            enclave {
              trusted { public void open(); void inner(); void worker() transition_using_threads; };
              untrusted {
                include "windows.h"
                [cdecl] void a();
                [stdcall, dllimport] int b(void) allow(inner, open) propagate_errno;
                void c() allow() transition_using_threads propagate_errno;
              };
            };
            """);
    assertThat(edl.ecalls()).extracting(EdlFunction.Trusted::isPublic).containsExactly(true, false, false);
    assertThat(edl.ecalls()).extracting(EdlFunction.Trusted::switchless).containsExactly(false, false, true);
    EdlFunction.Untrusted b = edl.ocalls().get(1);
    assertThat(b.convention()).isEqualTo(EdlFunction.Convention.STDCALL);
    assertThat(b.dllImport()).isTrue();
    assertThat(b.allowed()).containsExactly("inner", "open");
    assertThat(b.propagatesErrno()).isTrue();
    assertThat(edl.ocalls().get(2).switchless()).isTrue();
    assertThat(edl.ocalls().get(2).propagatesErrno()).isTrue();
    assertThat(edl.allows(1, 1)).isTrue();
    assertThat(edl.allows(0, 1)).isFalse();
    assertThat(edl.warnings()).singleElement().asString().contains("worker").contains("private");
  }

  @Test
  void readsComposites() {
    Edl edl =
        Edl.parse(
            "t.edl",
            """
            enclave {
              struct deep { size_t len; [size=len] uint8_t* bytes; int grid[2][2]; };
              union word { uint32_t whole; uint8_t part[4]; };
              enum shape { CIRCLE, SQUARE = 5, SAME = SQUARE };
              enum { ANONYMOUS };
              trusted { public void f([in] struct deep* d); };
            };
            """);
    var deep = edl.struct("deep").orElseThrow();
    assertThat(deep.isDeepCopy()).isTrue();
    assertThat(deep.members()).extracting(Variable::name).containsExactly("len", "bytes", "grid");
    assertThat(edl.composites()).extracting(Composite::name).containsExactly("deep", "word", "shape", "");
    var shape = (Composite.EnumDef) edl.composites().get(2);
    assertThat(shape.elements())
        .containsExactly(
            new Composite.EnumDef.Element("CIRCLE", null),
            new Composite.EnumDef.Element("SQUARE", new Extent.Literal(5)),
            new Composite.EnumDef.Element("SAME", new Extent.Named("SQUARE")));
  }

  @Test
  void followsTheSimpleDirectivesOfThePreprocessor() {
    Edl edl =
        Edl.parse(
            "t.edl",
            """
            #define N 4
            #define NAME chosen
            #if defined(__x86_64__) && N == 4 // as on this machine
            # define YES 1
            #else
            # error not here
            #endif
            enclave { trusted {
            #ifdef YES
              public void NAME([in] int p[N]);
            #elif defined(NOTHING)
              public void other();
            #else
              ] syntax error [
            #endif
            }; };
            """);
    assertThat(edl.ecalls()).singleElement().satisfies(f -> assertThat(f.name()).isEqualTo("chosen"));
    assertThat(edl.ecalls().getFirst().signature().parameters().getFirst().dimensions()).containsExactly(4);
  }

  @Test
  void namesLineAndColumn() {
    assertThatThrownBy(
            () -> Edl.parse("some/where.edl", "enclave {\n  trusted {\n    public void f(int a,, int b);\n  };\n};"))
        .isInstanceOfSatisfying(
            MalformedEdlException.class,
            e -> {
              assertThat(e.position().toString()).isEqualTo("some/where.edl:3:25");
              assertThat(e).hasMessage("some/where.edl:3:25: parameter of f: expected a type, found ','");
            });
  }

  @ParameterizedTest
  @MethodSource("wrongDeclarations")
  void refuses(String declaration, String what) {
    assertThatThrownBy(() -> ecall(declaration)).isInstanceOf(MalformedEdlException.class).hasMessageContaining(what);
  }

  static Stream<Arguments> wrongDeclarations() {
    return Stream.of(
        Arguments.of("void f(int* p)", "'in', 'out' or 'user_check' for a pointer"),
        Arguments.of("void f(int p[4])", "'in', 'out' or 'user_check' for a pointer or array"),
        Arguments.of("void f([in] int p)", "a pointer or array"),
        Arguments.of("void f([in, in] int* p)", "'in' once"),
        Arguments.of("void f([in, user_check] int* p)", "either 'in' or 'out', or 'user_check'"),
        Arguments.of("void f([out, string] char* p)", "'in' with 'string'"),
        Arguments.of("void f([in, string] int* p)", "char* with 'string'"),
        Arguments.of("void f([in, wstring] char* p)", "wchar_t* with 'wstring'"),
        Arguments.of("void f([in, string, size=4] char* p)", "no 'size' or 'count' with 'string'"),
        Arguments.of("void f([size=4] char* p)", "'in' or 'out' with a size"),
        Arguments.of("void f([in] void* p)", "'size' for a pointer to void"),
        Arguments.of("void f([in, size=n] char* p)", "name of a parameter beside it"),
        Arguments.of("void f([in, size=d] char* p, double d)", "whole number"),
        Arguments.of("void f([in, sizefunc=g] char* p)", "no longer supported"),
        Arguments.of("void f([in, size] char* p)", "'=' and a number or name"),
        Arguments.of("void f([in, big] char* p)", "'big'"),
        Arguments.of("void f([] char* p)", "an attribute"),
        Arguments.of("void f([in, isptr] int* p)", "type of a C header"),
        Arguments.of("void f([in, readonly] foo p)", "'isptr' beside 'readonly'"),
        Arguments.of("void f([in, isary, size=4] foo p)", "no 'size' or 'count' with 'isary'"),
        Arguments.of("void f([out] const int* p)", "no 'out'"),
        Arguments.of("void f([in] int* p[4])", "array of values"),
        Arguments.of("void f([in, size=4] int p[4])", "no 'size', 'count' or 'isary'"),
        Arguments.of("void f([in] int p[])", "flexible arrays"),
        Arguments.of("void f([in] int p[0])", "a length above zero"),
        Arguments.of("void f([in] int p[65536][65536])", "elements in all dimensions"),
        Arguments.of("void f(void p)", "'void'"),
        Arguments.of("void f(const int p)", "const goes only with a pointer"),
        Arguments.of("void f(int a, int a)", "'a' twice"),
        Arguments.of("int[4] f()", "an array cannot be returned"),
        Arguments.of("int f() allow(g)", "';'"),
        Arguments.of("void f(signed int a)", "expected a name, found 'int'"),
        Arguments.of("void struct()", "a name"),
        Arguments.of("void f(int a", "')'"));
  }

  @ParameterizedTest
  @MethodSource("wrongFiles")
  void refusesFiles(String text, String what) {
    assertThatThrownBy(() -> Edl.parse("t.edl", text))
        .isInstanceOf(MalformedEdlException.class)
        .hasMessageStartingWith("t.edl:")
        .hasMessageContaining(what);
  }

  static Stream<Arguments> wrongFiles() {
    return Stream.of(
        Arguments.of("", "'enclave'"),
        Arguments.of("enclave { }", "';'"),
        Arguments.of("enclave { };", "at least one public ECALL"),
        Arguments.of("enclave { trusted { void f(); }; };", "at least one public ECALL"),
        Arguments.of("enclave { }; enclave { };", "nothing after the enclave"),
        Arguments.of("enclave { private { }; };", "EDL has no such word"),
        Arguments.of("enclave { trusted { public void f(); public void f(); }; };", "one definition"),
        Arguments.of("enclave { trusted { public void f(); }; untrusted { void f(); }; };", "one definition"),
        Arguments.of(
            "enclave { trusted { public void f(); }; untrusted { void g() allow(h); }; };",
            "name of an ECALL"),
        Arguments.of(
            "enclave { trusted { public void f(); }; untrusted { [cdecl, fastcall] void g(); }; };",
            "one calling"),
        Arguments.of("enclave { trusted { public void f(); }; untrusted { [inline] void g(); }; };", "cdecl, stdcall"),
        Arguments.of(
            "enclave { struct s { int a; }; struct s { int b; }; trusted { public void f(); }; };",
            "one definition"),
        Arguments.of(
            "enclave { struct s { [in] int* a; }; trusted { public void f(); }; };",
            "'size' or 'count' and nothing"),
        Arguments.of("enclave { struct s { [size=m] int* a; }; trusted { public void f(); }; };", "name of a member"),
        Arguments.of(
            "enclave { struct s { [size=4] int* a; }; trusted { public void f(struct s p); }; };",
            "a pointer to struct"),
        Arguments.of(
            "enclave { struct s { [size=4] int* a; }; trusted { public void f([out] struct s* p); }; };",
            "'in' for struct"),
        Arguments.of(
            "enclave { struct s { [size=4] int* a; }; trusted { public void f([in] s* p); }; };", "'struct s'"),
        Arguments.of("enclave { from \"missing.edl\" import *; };", "no such file"),
        Arguments.of("enclave { /* no end", "'*/'"),
        Arguments.of("enclave { include \"no end\n\"; };", "the end of the line"),
        Arguments.of("enclave { trusted { public void f(int 1); }; };", "a name"),
        Arguments.of("enclave @ { };", "'@'"),
        Arguments.of("#if 1\nenclave { };", "#endif"),
        Arguments.of("#endif\nenclave { };", "an open #if"),
        Arguments.of("#define F(x) x\nenclave { };", "without parameters"),
        Arguments.of("#define A B\n#define B A\nenclave { A };", "include, from"),
        Arguments.of("enclave { trusted { public void f([in, size=99999999999] char* p); }; };", "2147483647"));
  }

  @Test
  void survivesCutFiles() {
    String whole =
        """
        enclave { include "a.h" struct s { int a[2]; [count=a] int* p; }; enum e { A = 1, B };
          trusted { public int f([in, size=n] const void* p, size_t n) transition_using_threads; };
          untrusted { [cdecl] void g([out] int r[4]) allow(f) propagate_errno; }; };
        """;
    for (int end = 0; end < whole.length() - 2; end++) {
      String cut = whole.substring(0, end);
      assertThatThrownBy(() -> Edl.parse("t.edl", cut)).isInstanceOf(MalformedEdlException.class);
    }
  }
}
