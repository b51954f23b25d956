package org.enclavisor.isa;

import static org.enclavisor.isa.Codec.bytes;
import static org.enclavisor.isa.Codec.requireU16;
import static org.enclavisor.isa.Codec.requireU8;
import static org.enclavisor.isa.Codec.reserved;
import static org.enclavisor.isa.Codec.u16;
import static org.enclavisor.isa.Codec.u32;
import static org.enclavisor.isa.Codec.u8;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Arrays;

/**
 * EINITTOKEN: a launch enclave's permission to start another (SDM 3D, “EINIT Token Structure (EINITTOKEN)”).
 *
 * @param valid offset 0, VALID: bit 0
 * @param attributes offset 48, ATTRIBUTES of the enclave
 * @param mrEnclave offset 64, MRENCLAVE of the enclave
 * @param mrSigner offset 128, MRSIGNER of the enclave
 * @param cpuSvnLe offset 192, CPUSVNLE: of the launch enclave, as all that follow
 * @param isvProdIdLe offset 208, ISVPRODIDLE: 16 bits
 * @param isvSvnLe offset 210, ISVSVNLE: 16 bits
 * @param cetMaskedAttributesLe offset 212, CET_MASKED_ATTRIBUTES_LE: 8 bits
 * @param maskedMiscSelectLe offset 236, MASKEDMISCSELECTLE
 * @param maskedAttributesLe offset 240, MASKEDATTRIBUTESLE
 * @param keyId offset 256, KEYID
 * @param mac offset 288, MAC over the first 192 bytes
 */
public record Einittoken(
    boolean valid,
    Attributes attributes,
    Digest32 mrEnclave,
    Digest32 mrSigner,
    CpuSvn cpuSvnLe,
    int isvProdIdLe,
    int isvSvnLe,
    int cetMaskedAttributesLe,
    MiscSelect maskedMiscSelectLe,
    Attributes maskedAttributesLe,
    KeyId keyId,
    Mac16 mac) {

  /** Size in bytes. */
  public static final int BYTES = 304;

  /** Alignment that EINIT demands of its address, in bytes. */
  public static final int ALIGNMENT = 512;

  /** How many of the first bytes the MAC covers. */
  public static final int MACED_BYTES = 192;

  /** The members' places. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              u32("valid"),
              reserved(1, 44),
              Attributes.LAYOUT.withName("attributes"),
              bytes("mrEnclave", 32),
              reserved(2, 32),
              bytes("mrSigner", 32),
              reserved(3, 32),
              bytes("cpuSvnLe", 16),
              u16("isvProdIdLe"),
              u16("isvSvnLe"),
              u8("cetMaskedAttributesLe"),
              reserved(4, 23),
              u32("maskedMiscSelectLe"),
              Attributes.LAYOUT.withName("maskedAttributesLe"),
              bytes("keyId", 32),
              bytes("mac", 16))
          .withName("EINITTOKEN");

  /** All zero: not valid, so that the hash in IA32_SGXLEPUBKEYHASH decides. */
  public static final Einittoken ABSENT =
      new Einittoken(
          false, Attributes.ZERO, Digest32.ZERO, Digest32.ZERO, CpuSvn.ZERO, 0, 0, 0, MiscSelect.NONE,
          Attributes.ZERO, KeyId.ZERO, Mac16.ZERO);

  private static final Codec CODEC = new Codec("EINITTOKEN", LAYOUT);

  public Einittoken {
    requireU16("isvProdIdLe", isvProdIdLe);
    requireU16("isvSvnLe", isvSvnLe);
    requireU8("cetMaskedAttributesLe", cetMaskedAttributesLe);
  }

  /** The bytes that the MAC covers. */
  public byte[] macedBytes() {
    return Arrays.copyOf(toBytes(), MACED_BYTES);
  }

  /**
   * Whether the MAC is right.
   *
   * @param launchKey EINITTOKEN_KEY, derived for this token's CPUSVNLE, ISVPRODIDLE, ISVSVNLE, masked values and KEYID
   */
  public boolean verifyMac(Key128 launchKey) {
    return AesCmac.verify(launchKey, mac, macedBytes());
  }

  /** The same with the MAC that this key makes. */
  public Einittoken withMac(Key128 launchKey) {
    return new Einittoken(
        valid, attributes, mrEnclave, mrSigner, cpuSvnLe, isvProdIdLe, isvSvnLe, cetMaskedAttributesLe,
        maskedMiscSelectLe, maskedAttributesLe, keyId, AesCmac.mac(launchKey, macedBytes()));
  }

  /** Whether {@link #read} would refuse these {@link #BYTES} bytes. For leaves, which have to answer themselves. */
  public static boolean hasReservedBits(MemorySegment segment) {
    return CODEC.hasReservedBits(segment) || (CODEC.unchecked(segment).u32("valid") & ~1) != 0;
  }

  /**
   * @throws MalformedStructureException if the size is wrong, or a reserved byte or a reserved bit of VALID is not zero
   */
  public static Einittoken read(MemorySegment segment) {
    Codec.Reader in = CODEC.read(segment);
    int valid = in.u32("valid");
    if ((valid & ~1) != 0) {
      throw CODEC.malformed("valid", "0 or 1", Codec.hex(valid));
    }
    return new Einittoken(
        valid == 1,
        in.attributes("attributes"),
        in.digest32("mrEnclave"),
        in.digest32("mrSigner"),
        CpuSvn.of(in.bytes("cpuSvnLe")),
        in.u16("isvProdIdLe"),
        in.u16("isvSvnLe"),
        in.u8("cetMaskedAttributesLe"),
        in.miscSelect("maskedMiscSelectLe"),
        in.attributes("maskedAttributesLe"),
        KeyId.of(in.bytes("keyId")),
        Mac16.of(in.bytes("mac")));
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    CODEC.write(segment)
        .u32("valid", valid ? 1 : 0)
        .attributes("attributes", attributes)
        .bytes("mrEnclave", mrEnclave)
        .bytes("mrSigner", mrSigner)
        .bytes("cpuSvnLe", cpuSvnLe)
        .u16("isvProdIdLe", isvProdIdLe)
        .u16("isvSvnLe", isvSvnLe)
        .u8("cetMaskedAttributesLe", cetMaskedAttributesLe)
        .miscSelect("maskedMiscSelectLe", maskedMiscSelectLe)
        .attributes("maskedAttributesLe", maskedAttributesLe)
        .bytes("keyId", keyId)
        .bytes("mac", mac);
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    byte[] result = new byte[BYTES];
    write(MemorySegment.ofArray(result));
    return result;
  }
}
