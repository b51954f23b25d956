package org.enclavisor.isa;

import java.math.BigInteger;

/**
 * Q1 and Q2 of a signature S under the modulus M (SDM 3D, “EINIT”): with them S³ mod M needs no division.
 *
 * @param q1 floor(S² / M)
 * @param q2 floor((S³ − q1·S·M) / M)
 * @param cube S³ mod M
 */
record Quotients(BigInteger q1, BigInteger q2, BigInteger cube) {

  static Quotients of(BigInteger signature, BigInteger modulus) {
    BigInteger[] square = signature.multiply(signature).divideAndRemainder(modulus);
    // S³ − q1·S·M = S·(S² − q1·M) = S·(S² mod M)
    BigInteger[] cube = square[1].multiply(signature).divideAndRemainder(modulus);
    return new Quotients(square[0], cube[0], cube[1]);
  }
}
