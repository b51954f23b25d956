package org.enclavisor.testkit;

import java.util.List;
import java.util.Random;

/**
 * Random values out of a seed that is printed, so that a failure can be had again: run with
 * {@code -Denclavisor.seed=…}. Confined to one thread.
 */
public final class Seeded {
  private final Random random;

  private Seeded(long seed) {
    random = new Random(seed);
  }

  /** A new generator; its seed goes to standard output with the name of who uses it. */
  public static Seeded named(String user) {
    long seed = Long.getLong("enclavisor.seed", System.nanoTime());
    System.out.println(user + ": -Denclavisor.seed=" + seed);
    return new Seeded(seed);
  }

  /** A generator whose seed is known. */
  public static Seeded of(long seed) {
    return new Seeded(seed);
  }

  /** From 0 to bound − 1. */
  public int below(int bound) {
    return random.nextInt(bound);
  }

  /** From least to most, both possible. */
  public long between(long least, long most) {
    return random.nextLong(least, Math.addExact(most, 1));
  }

  public boolean chance(double probability) {
    return random.nextDouble() < probability;
  }

  /** Any of 2^64 values, with those that break things (0, 1, all ones, signs, page borders) more often than not. */
  public long word() {
    return switch (below(8)) {
      case 0 -> 0;
      case 1 -> -1;
      case 2 -> Long.MIN_VALUE >>> below(64);
      case 3 -> (1L << below(64)) - 1;
      case 4 -> below(1 << 20) * 4096L;
      default -> random.nextLong();
    };
  }

  /** Bytes without a pattern. */
  public byte[] bytes(int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  public <T> T oneOf(List<T> choices) {
    return choices.get(below(choices.size()));
  }

  /** A copy with one bit flipped. */
  public byte[] flipBit(byte[] original) {
    byte[] copy = original.clone();
    copy[below(copy.length)] ^= (byte) (1 << below(8));
    return copy;
  }

  /** A copy that ends early. */
  public byte[] truncated(byte[] original) {
    return java.util.Arrays.copyOf(original, below(original.length));
  }
}
