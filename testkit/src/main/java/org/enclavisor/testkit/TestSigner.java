package org.enclavisor.testkit;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.KeyFactory;
import java.security.NoSuchAlgorithmException;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Objects;

/** The signer of sample enclaves: always the same RSA key of 3072 bits with e = 3, known to everybody. */
public final class TestSigner {
  /** The private key. */
  public static final RSAPrivateCrtKey KEY = read();

  private TestSigner() {}

  private static RSAPrivateCrtKey read() {
    try (InputStream in = Objects.requireNonNull(TestSigner.class.getResourceAsStream("test-signer.pem"))) {
      String pem = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
      byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----.*-----", ""));
      return (RSAPrivateCrtKey) KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(der));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (NoSuchAlgorithmException | InvalidKeySpecException e) {
      throw new IllegalStateException("the test signer's key", e);
    }
  }
}
