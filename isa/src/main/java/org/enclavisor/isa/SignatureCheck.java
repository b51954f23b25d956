package org.enclavisor.isa;

import java.math.BigInteger;

/**
 * What EINIT's check of a SIGSTRUCT's key and signature finds. Numbers are compared in the order of the manual: first
 * what makes it a SIGSTRUCT, then the signature with Q1 and Q2.
 */
public sealed interface SignatureCheck {

  /** The signature is right. */
  record Valid() implements SignatureCheck {}

  /**
   * It is not.
   *
   * @param field the manual's name
   * @param expected what would be right, in words or hex
   * @param found what is there
   */
  record Invalid(String field, String expected, String found) implements SignatureCheck {

    /** What EINIT answers. */
    public SgxError error() {
      return switch (field) {
        case "VENDOR", "EXPONENT" -> SgxError.SGX_INVALID_SIG_STRUCT;
        default -> SgxError.SGX_INVALID_SIGNATURE;
      };
    }
  }

  /** Checks everything that {@link Sigstruct#read} has not. */
  static SignatureCheck of(Sigstruct sigstruct) {
    int vendor = sigstruct.body().vendor();
    if (vendor != SigstructBody.VENDOR_OTHER && vendor != SigstructBody.VENDOR_INTEL) {
      return new Invalid("VENDOR", "0 or 0x8086", Codec.hex(vendor));
    }
    if (sigstruct.exponent() != Sigstruct.EXPONENT) {
      return new Invalid("EXPONENT", "3", Integer.toUnsignedString(sigstruct.exponent()));
    }
    BigInteger modulus = sigstruct.modulus();
    if (modulus.bitLength() != 8 * Sigstruct.KEY_BYTES) {
      return new Invalid("MODULUS", "3072 bits", modulus.bitLength() + " bits");
    }
    BigInteger signature = sigstruct.signature();
    if (signature.compareTo(modulus) >= 0) {
      return new Invalid("SIGNATURE", "less than MODULUS", "not less");
    }
    Quotients quotients = Quotients.of(signature, modulus);
    if (!quotients.q1().equals(sigstruct.q1())) {
      return new Invalid("Q1", hex(quotients.q1()), hex(sigstruct.q1()));
    }
    if (!quotients.q2().equals(sigstruct.q2())) {
      return new Invalid("Q2", hex(quotients.q2()), hex(sigstruct.q2()));
    }
    BigInteger expected = Pkcs1.encode(sigstruct.signedBytes());
    if (!quotients.cube().equals(expected)) {
      return new Invalid("SIGNATURE", "cube mod MODULUS " + hex(expected), hex(quotients.cube()));
    }
    return new Valid();
  }

  private static String hex(BigInteger value) {
    return "0x" + value.toString(16);
  }
}
