package org.enclavisor.image.sign;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.RSAPrivateCrtKeySpec;
import java.security.spec.RSAPublicKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import org.enclavisor.image.MalformedImageException;

/**
 * Reads RSA keys from PEM files: PKCS #1 ({@code RSA PRIVATE KEY}, {@code RSA PUBLIC KEY}), PKCS #8
 * ({@code PRIVATE KEY}) and SubjectPublicKeyInfo ({@code PUBLIC KEY}). Encrypted files are refused. A key that SGX
 * cannot use (other than 3072 bits, e = 3) is refused here already.
 */
public final class PemKeys {
  private static final int BITS = 3072;

  private PemKeys() {}

  /**
   * Reads a private key.
   *
   * @throws MalformedImageException if the file holds none that SGX can use
   */
  public static RSAPrivateCrtKey readPrivate(Path file) {
    return privateKey(text(file), file.getFileName().toString());
  }

  /** The same from text. */
  public static RSAPrivateCrtKey privateKey(String pem, String name) {
    try {
      KeyFactory rsa = KeyFactory.getInstance("RSA");
      byte[] pkcs1 = block(pem, "RSA PRIVATE KEY", name);
      byte[] pkcs8 = block(pem, "PRIVATE KEY", name);
      RSAPrivateCrtKey key;
      if (pkcs1.length > 0) {
        BigInteger[] v = DerIntegers.read(pkcs1, 9, name);
        key = (RSAPrivateCrtKey) rsa.generatePrivate(
            new RSAPrivateCrtKeySpec(v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8]));
      } else if (pkcs8.length > 0
          && rsa.generatePrivate(new PKCS8EncodedKeySpec(pkcs8)) instanceof RSAPrivateCrtKey whole) {
        key = whole;
      } else {
        throw new MalformedImageException(name, -1, "a PEM block RSA PRIVATE KEY or PRIVATE KEY, not encrypted",
            "none");
      }
      check(key.getModulus(), key.getPublicExponent(), name);
      return key;
    } catch (GeneralSecurityException e) {
      throw new MalformedImageException(name, -1, "an RSA private key", String.valueOf(e.getMessage()));
    }
  }

  /**
   * Reads a public key.
   *
   * @throws MalformedImageException if the file holds none that SGX can use
   */
  public static RSAPublicKey readPublic(Path file) {
    return publicKey(text(file), file.getFileName().toString());
  }

  /** The same from text. */
  public static RSAPublicKey publicKey(String pem, String name) {
    try {
      KeyFactory rsa = KeyFactory.getInstance("RSA");
      byte[] pkcs1 = block(pem, "RSA PUBLIC KEY", name);
      byte[] spki = block(pem, "PUBLIC KEY", name);
      RSAPublicKey key;
      if (pkcs1.length > 0) {
        BigInteger[] v = DerIntegers.read(pkcs1, 2, name);
        key = (RSAPublicKey) rsa.generatePublic(new RSAPublicKeySpec(v[0], v[1]));
      } else if (spki.length > 0) {
        key = (RSAPublicKey) rsa.generatePublic(new X509EncodedKeySpec(spki));
      } else {
        throw new MalformedImageException(name, -1, "a PEM block PUBLIC KEY or RSA PUBLIC KEY", "none");
      }
      check(key.getModulus(), key.getPublicExponent(), name);
      return key;
    } catch (GeneralSecurityException e) {
      throw new MalformedImageException(name, -1, "an RSA public key", String.valueOf(e.getMessage()));
    }
  }

  private static void check(BigInteger modulus, BigInteger exponent, String name) {
    if (modulus.bitLength() != BITS) {
      throw new MalformedImageException(name + ": modulus", -1, "3072 bits", modulus.bitLength() + " bits");
    }
    if (!exponent.equals(BigInteger.valueOf(3))) {
      throw new MalformedImageException(name + ": public exponent", -1, "3", exponent.toString());
    }
  }

  private static String text(Path file) {
    try {
      return Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  /** The bytes of the first block of that kind; none where there is none. */
  private static byte[] block(String pem, String kind, String name) {
    String begin = "-----BEGIN " + kind + "-----";
    int from = pem.indexOf(begin);
    if (from < 0) {
      return new byte[0];
    }
    int to = pem.indexOf("-----END " + kind + "-----", from);
    String body = to < 0 ? "" : pem.substring(from + begin.length(), to);
    try {
      return Base64.getDecoder().decode(body.replaceAll("\\s", ""));
    } catch (IllegalArgumentException e) {
      throw new MalformedImageException(name + ": " + kind, -1, "base64, not encrypted", "something else");
    }
  }
}
