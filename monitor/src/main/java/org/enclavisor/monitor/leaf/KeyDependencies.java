package org.enclavisor.monitor.leaf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.ConfigId;
import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.KeyName;
import org.enclavisor.isa.KeyPolicy;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Targetinfo;

/**
 * All that a key is derived from, but for the processor's own secrets (SDM 3D, EGETKEY, “Key Derivation”: the members
 * of TMP_KEYDEPENDENCIES). PADDING is left out, since EINIT leaves the same in every SECS; the members of CET are,
 * since this processor has none.
 *
 * @param ownerEpoch whether SGXOWNEREPOCH is CR_SGXOWNEREPOCH, else 0
 * @param sealFuses whether SEAL_KEY_FUSES is CR_SEAL_FUSES, else 0
 * @param miscMask what the manual puts there: the complement of KEYREQUEST.MISCMASK
 */
public record KeyDependencies(
    KeyName keyName,
    Id16 isvFamilyId,
    Id16 isvExtProdId,
    int isvProdId,
    int isvSvn,
    boolean ownerEpoch,
    Attributes attributes,
    Attributes attributesMask,
    Digest32 mrEnclave,
    Digest32 mrSigner,
    KeyId keyId,
    boolean sealFuses,
    CpuSvn cpuSvn,
    MiscSelect miscSelect,
    MiscSelect miscMask,
    KeyPolicy keyPolicy,
    ConfigId configId,
    int configSvn) {

  private static final int BYTES = 264;
  private static final KeyPolicy NO_POLICY = new KeyPolicy(0);

  /** REPORT_KEY of the enclave that a report is for (SDM 3D, EREPORT, and EGETKEY of that enclave). */
  static KeyDependencies report(Targetinfo target, KeyId keyId, CpuSvn cpuSvn) {
    return new KeyDependencies(
        KeyName.REPORT_KEY,
        Id16.ZERO,
        Id16.ZERO,
        0,
        0,
        true,
        target.attributes(),
        Attributes.ZERO,
        target.measurement(),
        Digest32.ZERO,
        keyId,
        true,
        cpuSvn,
        target.miscSelect(),
        MiscSelect.NONE,
        NO_POLICY,
        target.configId(),
        target.configSvn());
  }

  /**
   * EINITTOKEN_KEY with which a token was made (SDM 3D, EINIT).
   *
   * @param launchKeyHash IA32_SGXLEPUBKEYHASH
   */
  static KeyDependencies launch(Einittoken token, Digest32 launchKeyHash) {
    return launch(
        token.isvProdIdLe(),
        token.isvSvnLe(),
        token.maskedAttributesLe(),
        token.maskedMiscSelectLe(),
        launchKeyHash,
        token.keyId(),
        token.cpuSvnLe());
  }

  static KeyDependencies launch(
      int isvProdId,
      int isvSvn,
      Attributes attributes,
      MiscSelect miscSelect,
      Digest32 mrSigner,
      KeyId keyId,
      CpuSvn cpuSvn) {
    return new KeyDependencies(
        KeyName.EINITTOKEN_KEY,
        Id16.ZERO,
        Id16.ZERO,
        isvProdId,
        isvSvn,
        true,
        attributes,
        Attributes.ZERO,
        Digest32.ZERO,
        mrSigner,
        keyId,
        true,
        cpuSvn,
        miscSelect,
        MiscSelect.NONE,
        NO_POLICY,
        ConfigId.ZERO,
        0);
  }

  /**
   * As bytes, the same for equal dependencies only: KEYNAME, ISVPRODID, ISVSVN, CONFIGSVN, KEYPOLICY (2 each), whether
   * owner epoch and fuses count (1 each), MISCSELECT, MISCMASK (4 each), 4 of zero, then the others, little-endian, in
   * the order ATTRIBUTES, ATTRIBUTESMASK, CPUSVN, ISVFAMILYID, ISVEXTPRODID, MRENCLAVE, MRSIGNER, KEYID, CONFIGID.
   */
  public byte[] toBytes() {
    return ByteBuffer.allocate(BYTES)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putShort((short) keyName.code())
        .putShort((short) isvProdId)
        .putShort((short) isvSvn)
        .putShort((short) configSvn)
        .putShort((short) keyPolicy.bits())
        .put((byte) (ownerEpoch ? 1 : 0))
        .put((byte) (sealFuses ? 1 : 0))
        .putInt(miscSelect.bits())
        .putInt(miscMask.bits())
        .putInt(0)
        .put(attributes.toBytes())
        .put(attributesMask.toBytes())
        .put(cpuSvn.bytes())
        .put(isvFamilyId.bytes())
        .put(isvExtProdId.bytes())
        .put(mrEnclave.bytes())
        .put(mrSigner.bytes())
        .put(keyId.bytes())
        .put(configId.bytes())
        .array();
  }
}
