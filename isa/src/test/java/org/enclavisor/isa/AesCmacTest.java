package org.enclavisor.isa;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import javax.crypto.Cipher;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AesCmacTest {
  // RFC 4493, 4: the key and the message of which the examples take the first bytes.
  private static final String KEY = "2b7e151628aed2a6abf7158809cf4f3c";
  private static final String MESSAGE =
      "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
          + "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

  @ParameterizedTest
  @CsvSource({
    "0, bb1d6929e95937287fa37d129b756746",
    "16, 070a16b46b4d4144f79bdd9dd04a287c",
    "40, dfa66747de9ae63030ca32611497c827",
    "64, 51f0bebf7e3b9d92fc49741779363cfe",
  })
  void givesTheMacsOfTheRfc(int length, String mac) {
    byte[] message = Arrays.copyOf(HexFormat.of().parseHex(MESSAGE), length);
    assertThat(AesCmac.mac(key(KEY), message).hex()).isEqualTo(mac);
  }

  /** Made with OpenSSL 3: {@code openssl mac -cipher AES-128-CBC -macopt hexkey:000102…0f -in FILE CMAC}. */
  @ParameterizedTest
  @CsvSource({
    "1, 106f7acfc5ebf3c53a75abe4fff408f6",
    "15, c35c16a5205cf246fe1602305c2780a4",
    "17, d3d9de226055b66080131cee03f22484",
    "31, cf1866a5fa3fbd5270db317ab8241c31",
    "32, d92554cfec932f26293bcaf2a13f9ef6",
    "33, f3eb87f69a6e6aa263524fcf128b0102",
    "192, 8d97fac30f7b3e6d208e4e75bb8092e6",
    "384, 6992e1dac14b0da58eec750c8f891456",
  })
  void givesTheMacsOfOpenssl(int length, String mac) {
    byte[] message = new byte[length];
    for (int i = 0; i < length; i++) {
      message[i] = (byte) (7 * i + 3);
    }
    assertThat(AesCmac.mac(key("000102030405060708090a0b0c0d0e0f"), message).hex()).isEqualTo(mac);
  }

  @Test
  void agreesWithAPlainReadingOfTheRfcForEveryLengthAndManyKeys() throws Exception {
    Random random = new Random(4493);
    for (int length = 0; length <= 100; length++) {
      byte[] key = new byte[16];
      byte[] message = new byte[length];
      random.nextBytes(key);
      random.nextBytes(message);
      assertThat(AesCmac.mac(Key128.of(key), message).bytes()).as("length %d", length).isEqualTo(plain(key, message));
    }
  }

  @Test
  void takesPartsAsOneMessage() {
    byte[] message = HexFormat.of().parseHex(MESSAGE);
    Mac16 whole = AesCmac.mac(key(KEY), message);
    for (int cut = 0; cut <= message.length; cut++) {
      byte[] head = Arrays.copyOf(message, cut);
      byte[] tail = Arrays.copyOfRange(message, cut, message.length);
      assertThat(AesCmac.mac(key(KEY), head, new byte[0], tail)).isEqualTo(whole);
    }
    assertThat(AesCmac.mac(key(KEY))).isEqualTo(AesCmac.mac(key(KEY), new byte[0]));
  }

  @Test
  void verifiesOnlyTheRightMac() {
    byte[] message = HexFormat.of().parseHex(MESSAGE);
    Mac16 mac = AesCmac.mac(key(KEY), message);
    assertThat(AesCmac.verify(key(KEY), mac, message)).isTrue();
    for (int bit = 0; bit < 128; bit++) {
      byte[] twin = mac.bytes();
      twin[bit / 8] ^= (byte) (1 << bit % 8);
      assertThat(AesCmac.verify(key(KEY), Mac16.of(twin), message)).isFalse();
    }
    assertThat(AesCmac.verify(key("00" + KEY.substring(2)), mac, message)).isFalse();
  }

  @Test
  void refusesADestroyedKey() {
    Key128 key = key(KEY);
    key.close();
    assertThatThrownBy(() -> AesCmac.mac(key, new byte[1])).isInstanceOf(IllegalStateException.class);
  }

  private static Key128 key(String hex) {
    return Key128.of(HexFormat.of().parseHex(hex));
  }

  /** Block by block, bits as booleans: slow and hard to get wrong in the same way. */
  private static byte[] plain(byte[] key, byte[] message) throws Exception {
    Cipher aes = Cipher.getInstance("AES/ECB/NoPadding");
    aes.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"));
    byte[] k1 = timesX(aes.doFinal(new byte[16]));
    byte[] k2 = timesX(k1);
    int blocks = Math.max(1, (message.length + 15) / 16);
    byte[] chain = new byte[16];
    for (int block = 0; block < blocks; block++) {
      byte[] input = new byte[16];
      for (int i = 0; i < 16; i++) {
        int at = 16 * block + i;
        input[i] = at < message.length ? message[at] : (byte) (at == message.length ? 0x80 : 0);
      }
      if (block == blocks - 1) {
        input = xor(input, message.length == 16 * blocks ? k1 : k2);
      }
      chain = aes.doFinal(xor(chain, input));
    }
    return chain;
  }

  private static byte[] timesX(byte[] block) {
    boolean[] bits = new boolean[129];
    for (int i = 0; i < 128; i++) {
      bits[i] = (block[i / 8] >> (7 - i % 8) & 1) != 0;
    }
    boolean carry = bits[0];
    byte[] result = new byte[16];
    for (int i = 0; i < 128; i++) {
      boolean bit = bits[i + 1] ^ (carry && (i == 120 || i == 125 || i == 126 || i == 127));
      if (bit) {
        result[i / 8] |= (byte) (1 << 7 - i % 8);
      }
    }
    return result;
  }

  private static byte[] xor(byte[] a, byte[] b) {
    byte[] result = new byte[16];
    for (int i = 0; i < 16; i++) {
      result[i] = (byte) (a[i] ^ b[i]);
    }
    return result;
  }
}
