package org.enclavisor.host.marshal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.enclavisor.host.WrongUseException;
import org.enclavisor.host.edl.Edl;
import org.junit.jupiter.api.Test;

/** Structures as people type them: a slip is refused, not passed on as the bytes of its letters. */
class StructureTextTest {
  private static final Edl EDL =
      Edl.parse(
          "pair.edl",
          """
          enclave {
            struct pair { uint32_t x; uint64_t y; };
            trusted { public void f(struct pair p); };
          };
          """);

  private static Object[] parse(String text) {
    return TextArguments.parse(new FunctionPlan(EDL.ecalls().getFirst(), 0, new TypeTable(EDL)), List.of(text));
  }

  @Test
  void membersByName() {
    assertThat(parse("x=1234,y=5678")[0]).isEqualTo(Map.of("x", 1234L, "y", 5678L));
  }

  @Test
  void bytesAreMarkedAsSuch() {
    assertThat(parse("hex:d204000000000000 2e16000000000000")[0])
        .isEqualTo(new byte[] {(byte) 0xd2, 4, 0, 0, 0, 0, 0, 0, 0x2e, 0x16, 0, 0, 0, 0, 0, 0});
  }

  @Test
  void anythingElseIsRefused() {
    assertThatThrownBy(() -> parse("1234,5678"))
        .isInstanceOf(WrongUseException.class)
        .hasMessageContaining("expected member=value of struct pair, found '1234'");
  }
}
