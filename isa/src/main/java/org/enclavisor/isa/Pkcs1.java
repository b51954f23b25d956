package org.enclavisor.isa;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.HexFormat;

/** EMSA-PKCS1-v1_5 with SHA-256 for a modulus of 3072 bits (RFC 8017, 9.2): what a signature's cube must be. */
final class Pkcs1 {
  // DigestInfo of SHA-256 up to the digest itself: RFC 8017, 9.2, note 1.
  private static final byte[] DIGEST_INFO = HexFormat.of().parseHex("3031300d060960864801650304020105000420");

  private Pkcs1() {}

  /** 00 01 ff … ff 00 DigestInfo digest, as a big-endian integer. */
  static BigInteger encode(byte[] message) {
    byte[] digest = Sha256.newDigest().digest(message);
    byte[] encoded = new byte[Sigstruct.KEY_BYTES];
    int info = encoded.length - digest.length - DIGEST_INFO.length;
    encoded[1] = 1;
    Arrays.fill(encoded, 2, info - 1, (byte) 0xff);
    System.arraycopy(DIGEST_INFO, 0, encoded, info, DIGEST_INFO.length);
    System.arraycopy(digest, 0, encoded, encoded.length - digest.length, digest.length);
    return new BigInteger(1, encoded);
  }
}
