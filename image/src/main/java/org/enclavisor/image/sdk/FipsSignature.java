package org.enclavisor.image.sdk;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.RSAPublicKeySpec;
import org.enclavisor.image.elf.HostileBytes;
import org.enclavisor.isa.Sigstruct;

/**
 * The second signature of an enclave for FIPS mode: RSA-3072 with e = 65537 and SHA-256 over the whole SIGSTRUCT, by a
 * key that nobody vouches for and that is thrown away. The SDK's loader checks it, so it is checked here.
 *
 * <p>Layout: modulus (384, least significant byte first), exponent (4, likewise), signature (384, most significant
 * first).
 */
public final class FipsSignature {
  /** Size in bytes. */
  public static final int BYTES = 2 * Sigstruct.KEY_BYTES + 4;

  private FipsSignature() {}


  static void check(HostileBytes file, SdkMetadata metadata) {
    metadata.fipsSignature().ifPresent(extension -> {
      MemorySegment sigstruct = metadata.block().asSlice(SdkMetadata.SIGSTRUCT_OFFSET, Sigstruct.BYTES);
      if (!verifies(extension, sigstruct.toArray(ValueLayout.JAVA_BYTE))) {
        throw file.malformed("FIPS signature", metadata.fileOffset() - file.origin(), "one over the SIGSTRUCT",
            "another");
      }
    });
  }

  private static boolean verifies(MemorySegment extension, byte[] sigstruct) {
    try {
      RSAPublicKey key = (RSAPublicKey) KeyFactory.getInstance("RSA").generatePublic(new RSAPublicKeySpec(
          number(extension, 0, Sigstruct.KEY_BYTES), number(extension, Sigstruct.KEY_BYTES, 4)));
      Signature rsa = Signature.getInstance("SHA256withRSA");
      rsa.initVerify(key);
      rsa.update(sigstruct);
      return rsa.verify(
          extension.asSlice(Sigstruct.KEY_BYTES + 4L, Sigstruct.KEY_BYTES).toArray(ValueLayout.JAVA_BYTE));
    } catch (GeneralSecurityException e) {
      // A key that is none, or a signature of the wrong form, verifies nothing.
      return false;
    }
  }

  private static BigInteger number(MemorySegment bytes, long at, int length) {
    byte[] bigEndian = new byte[length];
    for (int i = 0; i < length; i++) {
      bigEndian[length - 1 - i] = bytes.get(ValueLayout.JAVA_BYTE, at + i);
    }
    return new BigInteger(1, bigEndian);
  }
}
