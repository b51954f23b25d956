package org.enclavisor.isa;

import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * A value that is a fixed number of bytes, compared in constant time. Immutable. Its order is that of the bytes in
 * memory, and so is that of {@link #hex()}.
 */
public abstract sealed class FixedBytes permits ConfigId, CpuSvn, Digest32, Id16, KeyId, Mac16, Reportdata {
  private final byte[] bytes;

  FixedBytes(byte[] bytes, int size) {
    if (bytes.length != size) {
      throw new IllegalArgumentException(
          getClass().getSimpleName() + " takes " + size + " bytes, not " + bytes.length);
    }
    this.bytes = bytes.clone();
  }

  /** From an even number of hex digits, without separators. */
  static byte[] parse(String hex) {
    return HexFormat.of().parseHex(hex);
  }

  /** A copy. */
  public final byte[] bytes() {
    return bytes.clone();
  }

  /** In lower case, without separators. */
  public final String hex() {
    return HexFormat.of().formatHex(bytes);
  }

  /** Whether all bytes are zero. */
  public final boolean isZero() {
    int or = 0;
    for (byte b : bytes) {
      or |= b;
    }
    return or == 0;
  }

  /** Takes the same time wherever the bytes differ. */
  @Override
  public final boolean equals(Object other) {
    return other instanceof FixedBytes that
        && getClass() == that.getClass()
        && MessageDigest.isEqual(bytes, that.bytes);
  }

  @Override
  public final int hashCode() {
    return Arrays.hashCode(bytes);
  }

  @Override
  public String toString() {
    return hex();
  }
}
