package org.enclavisor.isa;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SsaFrameTest {
  private static final MiscSelect EXINFO = new MiscSelect(MiscSelect.EXINFO);

  @Test
  void putsGprSgxAtTheEndAndExInfoBelowIt() {
    SsaFrame frame = SsaFrame.of(2, EXINFO);
    assertThat(frame.bytes()).isEqualTo(8192);
    assertThat(frame.xsaveOffset()).isZero();
    assertThat(frame.gprOffset()).isEqualTo(8192 - 184);
    assertThat(frame.exInfoOffset()).isEqualTo(8192 - 184 - 16);
    assertThat(frame.miscOffset()).isEqualTo(frame.exInfoOffset());
    assertThat(frame.miscBytes()).isEqualTo(16);
  }

  @Test
  void hasNoMiscRegionUnlessItIsSelected() {
    SsaFrame frame = SsaFrame.of(1, MiscSelect.NONE);
    assertThat(frame.miscBytes()).isZero();
    assertThat(frame.miscOffset()).isEqualTo(frame.gprOffset()).isEqualTo(3912);
  }

  @Test
  void hasRoomForWhatIsLeft() {
    assertThat(SsaFrame.of(1, MiscSelect.NONE).fits(3912)).isTrue();
    assertThat(SsaFrame.of(1, MiscSelect.NONE).fits(3913)).isFalse();
    assertThat(SsaFrame.of(1, EXINFO).fits(3896)).isTrue();
    assertThat(SsaFrame.of(1, EXINFO).fits(3897)).isFalse();
    assertThat(SsaFrame.of(1, EXINFO).fits(-1)).isFalse();
    assertThat(SsaFrame.of(1, EXINFO).fits(Long.MAX_VALUE)).isFalse();
  }

  @Test
  void stacksFrames() {
    SsaFrame frame = SsaFrame.of(3, EXINFO);
    assertThat(frame.offset(0x10000, 0)).isEqualTo(0x10000);
    assertThat(frame.offset(0x10000, 2)).isEqualTo(0x10000 + 2 * 3 * 4096);
    assertThat(frame.offset(0, -1)).isEqualTo(0xffff_ffffL * 3 * 4096);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, Integer.MIN_VALUE, SsaFrame.MAX_PAGES + 1, Integer.MAX_VALUE})
  void refusesSizesThatNoProcessorNeeds(int pages) {
    assertThatThrownBy(() -> SsaFrame.of(pages, MiscSelect.NONE)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void staysInsideAnIntAtTheLargestSize() {
    SsaFrame frame = SsaFrame.of(SsaFrame.MAX_PAGES, EXINFO);
    assertThat(frame.bytes()).isEqualTo(64 << 20);
    assertThat(frame.miscOffset()).isPositive();
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, Integer.MIN_VALUE})
  void refusesComponentsThatAreNotLaidOut(int miscSelect) {
    assertThatThrownBy(() -> SsaFrame.of(1, new MiscSelect(miscSelect)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  /** SDM 3D, “Exception Vectors”: which exceptions an enclave is told of. */
  @ParameterizedTest
  @EnumSource(Vector.class)
  void tellsAnEnclaveOfTheExceptionsInTheManualsTable(Vector vector) {
    ExitInfo hardware = new ExitInfo(vector.number(), 3, true);
    ExitInfo withoutMisc =
        switch (vector) {
          case DE, DB, BR, UD, MF, AC, XM -> hardware;
          case BP -> new ExitInfo(3, 6, true);
          default -> ExitInfo.NONE;
        };
    ExitInfo withExInfo = vector == Vector.GP || vector == Vector.PF ? hardware : withoutMisc;
    ExitInfo withCpInfo = vector == Vector.CP ? hardware : withoutMisc;
    assertThat(ExitInfo.of(vector, MiscSelect.NONE)).isEqualTo(withoutMisc);
    assertThat(ExitInfo.of(vector, EXINFO)).isEqualTo(withExInfo);
    assertThat(ExitInfo.of(vector, new MiscSelect(MiscSelect.CPINFO))).isEqualTo(withCpInfo);
  }

  @Test
  void readsAFrameThatAnEnclaveHasScribbledOn() {
    byte[] bytes = Structures.gprSgx().golden();
    bytes[161] |= (byte) 0xf8;
    bytes[164] = 1;
    assertThat(GprSgx.readLenient(MemorySegment.ofArray(bytes)))
        .isEqualTo(Structures.gprSgx().value());
  }
}
