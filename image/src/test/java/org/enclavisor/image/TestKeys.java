package org.enclavisor.image;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.interfaces.RSAPrivateCrtKey;
import java.util.Objects;
import org.enclavisor.image.sign.PemKeys;

/** The tests' own RSA key, which protects nothing. */
public final class TestKeys {
  private TestKeys() {}

  public static String pem(String name) {
    try (InputStream in = TestKeys.class.getResourceAsStream(name)) {
      return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.US_ASCII);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public static RSAPrivateCrtKey privateKey() {
    return PemKeys.privateKey(pem("test-key-pkcs8.pem"), "test key");
  }
}
