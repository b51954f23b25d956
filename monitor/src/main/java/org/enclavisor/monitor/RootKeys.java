package org.enclavisor.monitor;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.random.RandomGenerator;
import org.enclavisor.isa.AesCmac;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.Key128;
import org.enclavisor.isa.Mac16;
import org.enclavisor.monitor.leaf.DerivedKeys;
import org.enclavisor.monitor.leaf.KeyDependencies;

/**
 * Keys from a root. One that is drawn when the monitor starts is gone when it ends: reports can be verified by enclaves
 * of the same monitor only, and prove nothing to anybody else; what was sealed cannot be unsealed after its end.
 *
 * <p>A key is the AES-CMAC, under the root, of the key's dependencies as bytes, then the owner epoch and the fuses, or
 * zeroes in the place of those that the key does not depend on. Thread-safe.
 */
final class RootKeys implements DerivedKeys, AutoCloseable {
  /** What the fuses are made of where the root is given: shorter than any key's dependencies. */
  private static final byte[] FUSES = "fuses".getBytes(StandardCharsets.US_ASCII);

  private final Key128 root;
  private final Key128 fuses;
  private final Id16 ownerEpoch;

  /**
   * @param random where root and fuses come from
   * @param ownerEpoch IA32_SGXOWNEREPOCH
   */
  RootKeys(RandomGenerator random, Id16 ownerEpoch) {
    this.root = draw(random);
    this.fuses = draw(random);
    this.ownerEpoch = ownerEpoch;
  }

  /**
   * @param shared what others derive from too
   * @param ownerEpoch IA32_SGXOWNEREPOCH
   */
  RootKeys(Key128 shared, Id16 ownerEpoch) {
    this.root = copy(shared.bytes());
    this.fuses = copy(AesCmac.mac(shared, FUSES).bytes());
    this.ownerEpoch = ownerEpoch;
  }

  private static Key128 draw(RandomGenerator random) {
    byte[] bytes = new byte[Key128.BYTES];
    random.nextBytes(bytes);
    return copy(bytes);
  }

  /** Takes the bytes over and wipes them. */
  private static Key128 copy(byte[] bytes) {
    try {
      return Key128.of(bytes);
    } finally {
      Arrays.fill(bytes, (byte) 0);
    }
  }

  @Override
  public Key128 derive(KeyDependencies dependencies) {
    byte[] secret = dependencies.sealFuses() ? fuses.bytes() : new byte[Key128.BYTES];
    byte[] epoch = dependencies.ownerEpoch() ? ownerEpoch.bytes() : new byte[Id16.BYTES];
    Mac16 mac = AesCmac.mac(root, dependencies.toBytes(), epoch, secret);
    Arrays.fill(secret, (byte) 0);
    byte[] key = mac.bytes();
    try {
      return Key128.of(key);
    } finally {
      Arrays.fill(key, (byte) 0);
    }
  }

  @Override
  public void close() {
    root.close();
    fuses.close();
  }
}
