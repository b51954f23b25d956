package org.enclavisor.monitor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.random.RandomGenerator;
import org.enclavisor.isa.AesCmac;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.ConfigId;
import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.Key128;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.KeyName;
import org.enclavisor.isa.Mac16;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Targetinfo;
import org.enclavisor.monitor.leaf.DerivedKeys;

/**
 * Keys from a root that is drawn when the monitor starts, and gone when it ends: reports can be verified by enclaves of
 * the same monitor only, and prove nothing to anybody else. There is no EGETKEY yet that would do it.
 *
 * <p>A key is the AES-CMAC, under the root, of what the manual calls key dependencies: KEYNAME (2 bytes), ISVPRODID
 * (2), ISVSVN (2), CONFIGSVN (2), MISCSELECT (4), zero (4), ATTRIBUTES (16), MRENCLAVE (32), MRSIGNER (32), KEYID (32),
 * CPUSVN (16), CONFIGID (64), all little-endian. What is the same in every derivation here (owner epoch, masks,
 * padding) is left out. Thread-safe.
 */
final class RootKeys implements DerivedKeys, AutoCloseable {
  private static final int DEPENDENCIES = 208;

  private final Key128 root;

  RootKeys(RandomGenerator random) {
    byte[] bytes = new byte[Key128.BYTES];
    random.nextBytes(bytes);
    root = Key128.of(bytes);
    Arrays.fill(bytes, (byte) 0);
  }

  @Override
  public Key128 reportKey(Targetinfo target, KeyId keyId, CpuSvn cpuSvn) {
    return derive(
        KeyName.REPORT_KEY,
        0,
        0,
        target.configSvn(),
        target.miscSelect(),
        target.attributes(),
        target.measurement(),
        Digest32.ZERO,
        keyId,
        cpuSvn,
        target.configId());
  }

  @Override
  public Key128 launchKey(Einittoken token, Digest32 launchKeyHash) {
    return derive(
        KeyName.EINITTOKEN_KEY,
        token.isvProdIdLe(),
        token.isvSvnLe(),
        0,
        token.maskedMiscSelectLe(),
        token.maskedAttributesLe(),
        Digest32.ZERO,
        launchKeyHash,
        token.keyId(),
        token.cpuSvnLe(),
        ConfigId.ZERO);
  }

  private Key128 derive(
      KeyName name,
      int isvProdId,
      int isvSvn,
      int configSvn,
      MiscSelect miscSelect,
      Attributes attributes,
      Digest32 mrEnclave,
      Digest32 mrSigner,
      KeyId keyId,
      CpuSvn cpuSvn,
      ConfigId configId) {
    ByteBuffer dependencies = ByteBuffer.allocate(DEPENDENCIES).order(ByteOrder.LITTLE_ENDIAN);
    dependencies.putShort((short) name.code());
    dependencies.putShort((short) isvProdId);
    dependencies.putShort((short) isvSvn);
    dependencies.putShort((short) configSvn);
    dependencies.putInt(miscSelect.bits());
    dependencies.putInt(0);
    dependencies.put(attributes.toBytes());
    dependencies.put(mrEnclave.bytes());
    dependencies.put(mrSigner.bytes());
    dependencies.put(keyId.bytes());
    dependencies.put(cpuSvn.bytes());
    dependencies.put(configId.bytes());
    Mac16 mac = AesCmac.mac(root, dependencies.array());
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
  }
}
