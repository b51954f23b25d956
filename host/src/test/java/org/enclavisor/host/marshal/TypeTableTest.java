package org.enclavisor.host.marshal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
import org.enclavisor.host.edl.CType;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.host.edl.EdlSource;
import org.junit.jupiter.api.Test;

class TypeTableTest {

  private static TypeTable table(String composites, String header) {
    return new TypeTable(
        Edl.parse(
            "t.edl",
            "enclave { include \"t.h\" " + composites + " trusted { public void f(); }; };",
            (name, importer) -> Optional.of(new EdlSource.Text(name, header))));
  }

  private static Shape foreign(TypeTable table, String name) {
    return table.shape(new CType.Foreign(name));
  }

  @Test
  void knowsTheSdksTypes() {
    TypeTable table = table("", "");
    assertThat(foreign(table, "sgx_status_t").bytes()).isEqualTo(4);
    assertThat(foreign(table, "sgx_report_t").bytes()).isEqualTo(432);
    assertThat(foreign(table, "sgx_target_info_t").alignment()).isEqualTo(8);
    assertThat(foreign(table, "sgx_ec256_public_t")).isEqualTo(new Shape.Opaque("sgx_ec256_public_t", 64, 1));
  }

  @Test
  void followsTypedefs() {
    TypeTable table =
        table("struct own { int a; };", "typedef own alias_t; typedef alias_t row_t[3]; typedef int* ptr_t;");
    assertThat(foreign(table, "alias_t").bytes()).isEqualTo(4);
    assertThat(foreign(table, "row_t"))
        .isInstanceOfSatisfying(Shape.Array.class, array -> assertThat(array.length()).isEqualTo(3));
    assertThat(table.isPointer(new CType.Foreign("ptr_t"))).isTrue();
    assertThat(table.target(new CType.Foreign("ptr_t"))).isEqualTo(CType.Basic.INT);
  }

  @Test
  void countsEnumerations() {
    TypeTable table = table("enum e { A, B = 5, C, D = A, E };", "");
    assertThat(List.of("A", "B", "C", "D", "E").stream().map(name -> table.constant(name).orElseThrow()))
        .containsExactly(0, 5, 6, 0, 1);
  }

  @Test
  void doublesAndDoublesWithoutLosingTimeOrCount() {
    var composites = new StringBuilder("struct s0 { int64_t x[1000]; };");
    for (int i = 1; i < 60; i++) {
      composites.append("struct s%d { struct s%d a; struct s%d b; };".formatted(i, i - 1, i - 1));
    }
    TypeTable table = table(composites.toString(), "");
    assertThat(table.shape(new CType.StructRef("s20")).bytes()).isEqualTo(8000L << 20);
    assertThatThrownBy(() -> table.shape(new CType.StructRef("s59")))
        .isInstanceOf(UnknownTypeException.class)
        .hasMessageContaining("too large");
  }

  @Test
  void saysWhatItDoesNotKnow() {
    TypeTable table = table("struct a { unknown_t x; };", "typedef loop_t loop_t; struct s { struct s again; };");
    assertThatThrownBy(() -> foreign(table, "unknown_t"))
        .isInstanceOf(UnknownTypeException.class)
        .hasMessageContaining("'unknown_t'")
        .hasMessageContaining("header");
    assertThatThrownBy(() -> table.shape(new CType.StructRef("a"))).isInstanceOf(UnknownTypeException.class);
    assertThatThrownBy(() -> table.shape(new CType.StructRef("s"))).isInstanceOf(UnknownTypeException.class);
    assertThatThrownBy(() -> foreign(table, "loop_t")).isInstanceOf(UnknownTypeException.class);
    assertThatThrownBy(() -> table.shape(new CType.StructRef("absent"))).isInstanceOf(UnknownTypeException.class);
  }
}
