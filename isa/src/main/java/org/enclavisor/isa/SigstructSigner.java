package org.enclavisor.isa;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.Signature;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.interfaces.RSAPublicKey;

/**
 * Makes SIGSTRUCTs. In one step from a private key; or in two, where {@link SigstructBody#signedBytes()} goes to
 * whoever has the key, and the signature comes back. No state.
 */
public final class SigstructSigner {
  private SigstructSigner() {}

  /**
   * Signs.
   *
   * @param key RSA, 3072 bits, e = 3
   * @throws IllegalArgumentException if the key is another one, or is inconsistent
   */
  public static Sigstruct sign(SigstructBody body, RSAPrivateCrtKey key) {
    requireKey(key.getModulus(), key.getPublicExponent());
    try {
      Signature signature = Signature.getInstance("SHA256withRSA");
      signature.initSign(key);
      signature.update(body.signedBytes());
      return assemble(body, key.getModulus(), new BigInteger(1, signature.sign()));
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException("the private key does not sign: " + e.getMessage(), e);
    }
  }

  /**
   * Puts a signature made elsewhere in its place.
   *
   * @param signature PKCS #1 v1.5 with SHA-256 over {@link SigstructBody#signedBytes()}, 384 bytes, most significant
   *     first, as every RSA tool writes it
   * @throws IllegalArgumentException if the key is no RSA key of 3072 bits with e = 3, or the signature is not one by
   *     this key over this body
   */
  public static Sigstruct withSignature(SigstructBody body, RSAPublicKey key, byte[] signature) {
    requireKey(key.getModulus(), key.getPublicExponent());
    if (signature.length != Sigstruct.KEY_BYTES) {
      throw new IllegalArgumentException(
          "signature: expected " + Sigstruct.KEY_BYTES + " bytes, found " + signature.length);
    }
    return assemble(body, key.getModulus(), new BigInteger(1, signature));
  }

  private static Sigstruct assemble(SigstructBody body, BigInteger modulus, BigInteger signature) {
    Quotients quotients = Quotients.of(signature, modulus);
    Sigstruct result =
        new Sigstruct(body, modulus, Sigstruct.EXPONENT, signature, quotients.q1(), quotients.q2());
    return switch (result.verify()) {
      case SignatureCheck.Valid() -> result;
      case SignatureCheck.Invalid(String field, String expected, String found) ->
          throw new IllegalArgumentException(field + ": expected " + expected + ", found " + found);
    };
  }

  private static void requireKey(BigInteger modulus, BigInteger exponent) {
    if (modulus.bitLength() != 8 * Sigstruct.KEY_BYTES) {
      throw new IllegalArgumentException("modulus: expected 3072 bits, found " + modulus.bitLength());
    }
    if (!exponent.equals(BigInteger.valueOf(Sigstruct.EXPONENT))) {
      throw new IllegalArgumentException("public exponent: expected 3, found " + exponent);
    }
  }
}
