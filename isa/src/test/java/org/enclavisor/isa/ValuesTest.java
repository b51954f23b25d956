package org.enclavisor.isa;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The small values that structures are made of. */
class ValuesTest {

  @Test
  void fixedBytesKeepTheirOrderInHex() {
    Digest32 digest = Digest32.of(Golden.run(0, 32));
    assertThat(digest.hex()).startsWith("000102").endsWith("1d1e1f").hasSize(64);
    assertThat(Digest32.ofHex(digest.hex())).isEqualTo(digest).hasSameHashCodeAs(digest);
    assertThat(digest).hasToString(digest.hex());
  }

  @Test
  void fixedBytesAreNotChangedFromOutside() {
    byte[] given = Golden.run(1, 16);
    Mac16 mac = Mac16.of(given);
    given[0] = 99;
    mac.bytes()[1] = 99;
    assertThat(mac.bytes()).isEqualTo(Golden.run(1, 16));
  }

  @Test
  void fixedBytesOfDifferentKindsDiffer() {
    assertThat((Object) Mac16.ZERO).isNotEqualTo(CpuSvn.ZERO);
    assertThat(Mac16.ZERO.isZero()).isTrue();
    assertThat(Mac16.of(Golden.run(0, 16)).isZero()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 15, 17, 31, 33, 63, 65})
  void fixedBytesHaveOneSize(int size) {
    byte[] bytes = new byte[size];
    assertThatThrownBy(() -> Digest32.of(bytes)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Mac16.of(bytes)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> ConfigId.of(bytes)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Key128.of(bytes)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Digest32.ofHex("00".repeat(size))).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void hexIsRefusedUnlessItIsHex() {
    assertThatThrownBy(() -> Digest32.ofHex("zz".repeat(32))).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Digest32.ofHex("0".repeat(63))).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aKeyIsNeverPrintedAndCanBeWiped() {
    Key128 key = Key128.of(Golden.run(1, 16));
    assertThat(key).hasToString("Key128[secret]");
    assertThat(key).isEqualTo(Key128.of(Golden.run(1, 16))).isNotEqualTo(Key128.of(Golden.run(2, 16)));
    assertThat(key.isDestroyed()).isFalse();
    key.close();
    key.close();
    assertThat(key.isDestroyed()).isTrue();
    assertThatThrownBy(key::bytes).isInstanceOf(IllegalStateException.class);
    assertThat(key).isEqualTo(key).isNotEqualTo(Key128.of(new byte[16]));
  }

  @Test
  void attributesSayTheirNames() {
    assertThat(new Attributes(Attributes.INIT | Attributes.MODE64BIT | 1L << 40, 7))
        .hasToString("INIT|MODE64BIT|0x10000000000 XFRM=0x7");
    assertThat(Attributes.ZERO).hasToString("0 XFRM=0x0");
  }

  @Test
  void attributesAreSetAndCleared() {
    Attributes attributes = new Attributes(Attributes.MODE64BIT, 3).with(Attributes.DEBUG | Attributes.KSS);
    assertThat(attributes.flags()).isEqualTo(0x86);
    assertThat(attributes.has(Attributes.DEBUG | Attributes.KSS)).isTrue();
    assertThat(attributes.has(Attributes.DEBUG | Attributes.INIT)).isFalse();
    assertThat(attributes.without(Attributes.DEBUG)).isEqualTo(new Attributes(0x84, 3));
    assertThat(attributes.and(new Attributes(6, 2))).isEqualTo(new Attributes(6, 2));
  }

  @Test
  void secinfoFlagsAreTheManuals() {
    assertThat(Secinfo.reg(Permissions.RWX).flags()).isEqualTo(0x207);
    assertThat(Secinfo.tcs().flags()).isEqualTo(0x100);
    assertThat(new Secinfo(PageType.TRIM, Permissions.NONE, false, true, false).flags()).isEqualTo(0x410);
    assertThat(Secinfo.ofFlags(0x638))
        .isEqualTo(new Secinfo(PageType.SS_REST, Permissions.NONE, true, true, true))
        .hasToString("SS_REST --- PENDING MODIFIED PR");
    assertThatThrownBy(() -> Secinfo.ofFlags(0x700)).isInstanceOf(MalformedStructureException.class);
    assertThatThrownBy(() -> Secinfo.ofFlags(0x240)).isInstanceOf(MalformedStructureException.class);
    assertThatThrownBy(() -> Secinfo.ofFlags(1L << 16)).isInstanceOf(MalformedStructureException.class);
  }

  @Test
  void permissionsAreThreeBits() {
    for (int bits = 0; bits < 8; bits++) {
      assertThat(Permissions.of(bits).bits()).isEqualTo(bits);
      for (int mask = 0; mask < 8; mask++) {
        assertThat(Permissions.of(bits).intersect(Permissions.of(mask)).bits()).isEqualTo(bits & mask);
      }
    }
  }

  @Test
  void numbersThatDoNotFitTheirFieldAreRefused() {
    Secs secs = Secs.of(0x1000, 1, MiscSelect.NONE, Attributes.ZERO);
    assertThatThrownBy(() -> secs.initialized(Digest32.ZERO, Digest32.ZERO, 0x10000, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> secs.withConfig(ConfigId.ZERO, -1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new KeyPolicy(0x10000)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Tcs(0, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new ExitInfo(256, 0, true)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new ExitInfo(0, 8, true)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(
            () ->
                new Sigstruct(
                    Structures.sigstruct().value().body(), BigInteger.ONE.shiftLeft(3072), 3, BigInteger.ONE,
                    BigInteger.ONE, BigInteger.ONE))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aSecsBecomesInitialized() {
    Secs secs = Secs.of(0x10000, 1, MiscSelect.NONE, new Attributes(Attributes.MODE64BIT, 3)).withBaseAddr(0x7f0000);
    Secs initialized = secs.initialized(Digest32.of(Golden.run(1, 32)), Digest32.of(Golden.run(2, 32)), 3, 4);
    assertThat(initialized.attributes()).isEqualTo(new Attributes(Attributes.MODE64BIT | Attributes.INIT, 3));
    assertThat(initialized.mrEnclave().bytes()).isEqualTo(Golden.run(1, 32));
    assertThat(initialized.mrSigner().bytes()).isEqualTo(Golden.run(2, 32));
    assertThat(initialized.isvProdId()).isEqualTo(3);
    assertThat(initialized.isvSvn()).isEqualTo(4);
    assertThat(initialized.baseAddr()).isEqualTo(0x7f0000);
    assertThat(initialized.size()).isEqualTo(0x10000);
  }

  @Test
  void aKeyNameMayBeUnknown() {
    Keyrequest request = Structures.keyrequest().value();
    assertThat(request.keyName()).contains(KeyName.SEAL_KEY);
    assertThat(
            new Keyrequest(
                    0xffff, request.keyPolicy(), 0, 0, CpuSvn.ZERO, Attributes.ZERO, KeyId.ZERO, MiscSelect.NONE, 0)
                .keyName())
        .isEmpty();
  }

  @Test
  void signedBytesOfTheWrongSizeAreRefused() {
    assertThatThrownBy(() -> SigstructBody.ofSignedBytes(new byte[255]))
        .isInstanceOf(MalformedStructureException.class);
    assertThatThrownBy(() -> SigstructBody.ofSignedBytes(new byte[256]))
        .isInstanceOfSatisfying(
            MalformedStructureException.class, e -> assertThat(e.field()).isEqualTo("header"));
  }
}
