package org.enclavisor.image.sign;

import java.math.BigInteger;
import java.util.Arrays;
import org.enclavisor.image.MalformedImageException;

/** A DER SEQUENCE of INTEGERs, which is all that PKCS #1 keys are (RFC 8017, A.1). */
final class DerIntegers {
  private static final int SEQUENCE = 0x30;
  private static final int INTEGER = 0x02;

  private final byte[] der;
  private final String name;
  private int at;

  private DerIntegers(byte[] der, String name) {
    this.der = der;
    this.name = name;
  }

  static BigInteger[] read(byte[] der, int count, String name) {
    var reader = new DerIntegers(der, name);
    int length = reader.header(SEQUENCE);
    if (reader.at + length != der.length) {
      throw new MalformedImageException(name + ": DER", 0, "one SEQUENCE", "something behind it");
    }
    BigInteger[] values = new BigInteger[count];
    for (int i = 0; i < count; i++) {
      int size = reader.header(INTEGER);
      if (size == 0) {
        throw new MalformedImageException(name + ": DER", reader.at, "an INTEGER of at least one byte", "none");
      }
      values[i] = new BigInteger(Arrays.copyOfRange(der, reader.at, reader.at + size));
      reader.at += size;
    }
    return values;
  }

  /** Passes a tag and a length of at most two bytes, and gives the length. */
  private int header(int tag) {
    int found = next();
    if (found != tag) {
      throw new MalformedImageException(name + ": DER", at - 1, "tag " + tag, Integer.toString(found));
    }
    int length = next();
    if (length == 0x81) {
      length = next();
    } else if (length == 0x82) {
      length = next() << 8 | next();
    } else if (length >= 0x80) {
      throw new MalformedImageException(name + ": DER", at - 1, "a length below 65536", "length byte " + length);
    }
    if (length > der.length - at) {
      throw new MalformedImageException(name + ": DER", at, "at most " + (der.length - at) + " bytes",
          Integer.toString(length));
    }
    return length;
  }

  private int next() {
    if (at >= der.length) {
      throw new MalformedImageException(name + ": DER", at, "another byte", "the end");
    }
    return Byte.toUnsignedInt(der[at++]);
  }
}
