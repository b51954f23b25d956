package org.enclavisor.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * MRENCLAVE once more, straight from the manual's description of ECREATE, EADD and EEXTEND and independent of the code
 * under test: tests say by hand which pages an enclave must have.
 */
public final class ManualMeasurement {
  public static final int TCS = 0x100;
  public static final int R = 0x201;
  public static final int RW = 0x203;
  public static final int RX = 0x205;
  public static final int RWX = 0x207;

  private final MessageDigest sha256;

  public ManualMeasurement(int ssaFrameSize, long size) {
    try {
      sha256 = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
    sha256.update(record("ECREATE").putInt(8, ssaFrameSize).putLong(12, size));
  }

  private static ByteBuffer record(String leaf) {
    ByteBuffer record = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
    return record.put(0, leaf.getBytes(StandardCharsets.US_ASCII));
  }

  /** Adds a page without measuring it. */
  public ManualMeasurement add(long offset, int flags) {
    sha256.update(record("EADD").putLong(8, offset).putLong(16, flags));
    return this;
  }

  /** Adds and measures a page; what is missing of the content is zero. */
  public ManualMeasurement measure(long offset, int flags, byte[] content) {
    add(offset, flags);
    byte[] page = Arrays.copyOf(content, 4096);
    for (int at = 0; at < 4096; at += 256) {
      sha256.update(record("EEXTEND").putLong(8, offset + at));
      sha256.update(page, at, 256);
    }
    return this;
  }

  /** Adds and measures pages of zeroes. */
  public ManualMeasurement zeroes(long offset, int flags, int pages) {
    for (int i = 0; i < pages; i++) {
      measure(offset + i * 4096L, flags, new byte[0]);
    }
    return this;
  }

  public String mrEnclave() {
    return HexFormat.of().formatHex(sha256.digest());
  }
}
