package org.enclavisor.isa;

import java.math.BigInteger;

/** Unsigned integers as the manual keeps them: least significant byte first. */
final class LittleEndian {
  private LittleEndian() {}

  static BigInteger toInteger(byte[] bytes) {
    return new BigInteger(1, reverse(bytes));
  }

  /** Of exactly so many bytes. */
  static byte[] ofInteger(BigInteger value, int size) {
    if (value.signum() < 0 || value.bitLength() > 8 * size) {
      throw new IllegalArgumentException("a number of " + value.bitLength() + " bits does not fit " + size + " bytes");
    }
    byte[] bigEndian = value.toByteArray();
    byte[] result = new byte[size];
    for (int i = 0; i < Math.min(size, bigEndian.length); i++) {
      result[i] = bigEndian[bigEndian.length - 1 - i];
    }
    return result;
  }

  private static byte[] reverse(byte[] bytes) {
    byte[] result = new byte[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      result[i] = bytes[bytes.length - 1 - i];
    }
    return result;
  }
}
