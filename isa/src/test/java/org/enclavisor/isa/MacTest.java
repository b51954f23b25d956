package org.enclavisor.isa;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Which bytes of a launch token and of a report are under the MAC. */
class MacTest {
  private final Key128 key = Key128.of(Golden.run(0x21, 16));

  @Test
  void aTokensMacCoversTheFirst192Bytes() {
    Einittoken token = Structures.einittoken().value().withMac(key);
    byte[] bytes = token.toBytes();
    assertThat(token.mac()).isEqualTo(AesCmac.mac(key, Arrays.copyOf(bytes, 192)));
    for (int i = 0; i < bytes.length; i++) {
      byte[] twin = bytes.clone();
      twin[i] ^= 2;
      MemorySegment segment = MemorySegment.ofArray(twin);
      if (!Einittoken.hasReservedBits(segment)) {
        boolean covered = i < 192 || i >= 288;
        assertThat(Einittoken.read(segment).verifyMac(key)).as("byte %d changed", i).isEqualTo(!covered);
      }
    }
    assertThat(token.verifyMac(Key128.of(new byte[16]))).isFalse();
    assertThat(Structures.einittoken().value().verifyMac(key)).isFalse();
  }

  @Test
  void aReportsMacCoversTheFirst384Bytes() {
    Report report = Structures.report().value().withMac(key);
    byte[] bytes = report.toBytes();
    assertThat(report.mac()).isEqualTo(AesCmac.mac(key, Arrays.copyOf(bytes, 384)));
    assertThat(report.bodyBytes()).isEqualTo(Arrays.copyOf(bytes, 384));
    assertThat(report.verifyMac(key)).isTrue();
    assertThat(report.verifyMac(Key128.of(new byte[16]))).isFalse();
    bytes[320] ^= 1;
    assertThat(Report.read(MemorySegment.ofArray(bytes)).verifyMac(key)).isFalse();
  }

  @Test
  void anAbsentTokenIsAllZero() {
    assertThat(Einittoken.ABSENT.toBytes()).containsOnly(0);
    assertThat(Einittoken.read(MemorySegment.ofArray(new byte[304]))).isEqualTo(Einittoken.ABSENT);
  }

  @Test
  void aReportNamesItsEnclaveAsATarget() {
    Report report = Structures.report().value();
    Targetinfo target = Targetinfo.of(report);
    assertThat(target.measurement()).isEqualTo(report.mrEnclave());
    assertThat(target.attributes()).isEqualTo(report.attributes());
    assertThat(target.cetAttributes()).isEqualTo(report.cetAttributes());
    assertThat(target.configSvn()).isEqualTo(report.configSvn());
    assertThat(target.miscSelect()).isEqualTo(report.miscSelect());
    assertThat(target.configId()).isEqualTo(report.configId());
  }
}
