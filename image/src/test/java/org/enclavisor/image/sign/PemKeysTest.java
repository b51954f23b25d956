package org.enclavisor.image.sign;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Base64;
import java.util.Random;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.image.TestKeys;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PemKeysTest {
  @Test
  void readsBothFormsOfBothHalves() {
    var key = TestKeys.privateKey();

    assertThat(PemKeys.privateKey(TestKeys.pem("test-key-pkcs1.pem"), "k")).isEqualTo(key);
    for (String name : new String[] {"test-key-public.pem", "test-key-public-pkcs1.pem"}) {
      assertThat(PemKeys.publicKey(TestKeys.pem(name), "k").getModulus()).isEqualTo(key.getModulus());
    }
  }

  @Test
  void refusesKeysThatSgxCannotUse() throws Exception {
    var generator = java.security.KeyPairGenerator.getInstance("RSA");
    generator.initialize(2048);
    String pem = "-----BEGIN PRIVATE KEY-----\n"
        + Base64.getMimeEncoder().encodeToString(generator.generateKeyPair().getPrivate().getEncoded())
        + "\n-----END PRIVATE KEY-----\n";

    assertThatThrownBy(() -> PemKeys.privateKey(pem, "small.pem")).isInstanceOf(MalformedImageException.class)
        .hasMessageContaining("small.pem: modulus").hasMessageContaining("3072 bits");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "-----BEGIN PRIVATE KEY-----\n", 
      "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n-----END RSA PRIVATE KEY-----",
      "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----",
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----"})
  void refusesWhatIsNoKey(String pem) {
    assertThatThrownBy(() -> PemKeys.privateKey(pem, "bad.pem")).isInstanceOf(MalformedImageException.class)
        .hasMessageContaining("bad.pem");
  }

  /** Damaged DER must end in the one exception, or in a key that is refused or simply another one. */
  @Test
  void survivesDamagedDer() {
    String pem = TestKeys.pem("test-key-pkcs1.pem");
    String body = pem.replaceAll("-----[^-]*-----", "").replaceAll("\\s", "");
    byte[] der = Base64.getDecoder().decode(body);
    Random random = new Random(20260101);
    int refused = 0;
    for (int i = 0; i < 500; i++) {
      byte[] damaged = der.clone();
      damaged[i < 200 ? i % 40 : random.nextInt(damaged.length)] = (byte) random.nextInt(256);
      String text = "-----BEGIN RSA PRIVATE KEY-----\n" + Base64.getEncoder().encodeToString(damaged)
          + "\n-----END RSA PRIVATE KEY-----";
      try {
        PemKeys.privateKey(text, "damaged.pem");
      } catch (MalformedImageException e) {
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(50);
  }
}
