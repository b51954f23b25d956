package org.enclavisor.isa;

import java.security.MessageDigest;
import java.util.Arrays;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * A secret key of 128 bits, as EGETKEY gives. Compared in constant time, never printed, wiped by {@link #close()}.
 * Thread-safe, but who destroys a key must be its last user.
 */
public final class Key128 implements AutoCloseable {
  /** Size in bytes. */
  public static final int BYTES = 16;

  private final byte[] bytes;
  private volatile boolean destroyed;

  private Key128(byte[] bytes) {
    this.bytes = bytes;
  }

  /** From 16 bytes, which are copied. */
  public static Key128 of(byte[] bytes) {
    if (bytes.length != BYTES) {
      throw new IllegalArgumentException("Key128 takes 16 bytes, not " + bytes.length);
    }
    return new Key128(bytes.clone());
  }

  /**
   * A copy, which the caller should wipe.
   *
   * @throws IllegalStateException if the key was destroyed
   */
  public byte[] bytes() {
    requireAlive();
    return bytes.clone();
  }

  /** For the JDK's AES. */
  SecretKey aes() {
    requireAlive();
    return new SecretKeySpec(bytes, "AES");
  }

  private void requireAlive() {
    if (destroyed) {
      throw new IllegalStateException("the key was destroyed");
    }
  }

  /** Wipes the key. Idempotent. */
  @Override
  public void close() {
    destroyed = true;
    Arrays.fill(bytes, (byte) 0);
  }

  /** Whether it was wiped. */
  public boolean isDestroyed() {
    return destroyed;
  }

  /** Takes the same time wherever the keys differ. A destroyed key equals only itself. */
  @Override
  public boolean equals(Object other) {
    return this == other
        || (other instanceof Key128 that
            && !destroyed
            && !that.destroyed
            && MessageDigest.isEqual(bytes, that.bytes));
  }

  /** Says nothing of the key. */
  @Override
  public int hashCode() {
    return Key128.class.hashCode();
  }

  @Override
  public String toString() {
    return "Key128[secret]";
  }
}
