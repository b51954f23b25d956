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
 * REPORT: what EREPORT says of an enclave to another on the same machine (SDM 3D, “Report (REPORT)”).
 *
 * @param cpuSvn offset 0, CPUSVN
 * @param miscSelect offset 16, MISCSELECT
 * @param cetAttributes offset 20, CET_ATTRIBUTES: 8 bits
 * @param isvExtProdId offset 32, ISVEXTNPRODID
 * @param attributes offset 48, ATTRIBUTES
 * @param mrEnclave offset 64, MRENCLAVE
 * @param mrSigner offset 128, MRSIGNER
 * @param configId offset 192, CONFIGID
 * @param isvProdId offset 256, ISVPRODID: 16 bits
 * @param isvSvn offset 258, ISVSVN: 16 bits
 * @param configSvn offset 260, CONFIGSVN: 16 bits
 * @param isvFamilyId offset 304, ISVFAMILYID
 * @param reportData offset 320, REPORTDATA: the enclave's own words
 * @param keyId offset 384, KEYID of the report key
 * @param mac offset 416, MAC over the first 384 bytes
 */
public record Report(
    CpuSvn cpuSvn,
    MiscSelect miscSelect,
    int cetAttributes,
    Id16 isvExtProdId,
    Attributes attributes,
    Digest32 mrEnclave,
    Digest32 mrSigner,
    ConfigId configId,
    int isvProdId,
    int isvSvn,
    int configSvn,
    Id16 isvFamilyId,
    Reportdata reportData,
    KeyId keyId,
    Mac16 mac) {

  /** Size in bytes. */
  public static final int BYTES = 432;

  /** Alignment that EREPORT demands of its address, in bytes. */
  public static final int ALIGNMENT = 512;

  /** How many of the first bytes the MAC covers: the report's body, as quotes have it. */
  public static final int BODY_BYTES = 384;

  /** The members' places. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              bytes("cpuSvn", 16),
              u32("miscSelect"),
              u8("cetAttributes"),
              reserved(1, 11),
              bytes("isvExtProdId", 16),
              Attributes.LAYOUT.withName("attributes"),
              bytes("mrEnclave", 32),
              reserved(2, 32),
              bytes("mrSigner", 32),
              reserved(3, 32),
              bytes("configId", 64),
              u16("isvProdId"),
              u16("isvSvn"),
              u16("configSvn"),
              reserved(4, 42),
              bytes("isvFamilyId", 16),
              Reportdata.LAYOUT.withName("reportData"),
              bytes("keyId", 32),
              bytes("mac", 16))
          .withName("REPORT");

  private static final Codec CODEC = new Codec("REPORT", LAYOUT);

  public Report {
    requireU8("cetAttributes", cetAttributes);
    requireU16("isvProdId", isvProdId);
    requireU16("isvSvn", isvSvn);
    requireU16("configSvn", configSvn);
  }

  /** The bytes that the MAC covers. */
  public byte[] bodyBytes() {
    return Arrays.copyOf(toBytes(), BODY_BYTES);
  }

  /** Whether the MAC is one by this report key. */
  public boolean verifyMac(Key128 reportKey) {
    return AesCmac.verify(reportKey, mac, bodyBytes());
  }

  /** The same with the MAC that this key makes. */
  public Report withMac(Key128 reportKey) {
    return new Report(
        cpuSvn, miscSelect, cetAttributes, isvExtProdId, attributes, mrEnclave, mrSigner, configId, isvProdId, isvSvn,
        configSvn, isvFamilyId, reportData, keyId, AesCmac.mac(reportKey, bodyBytes()));
  }

  /**
   * @throws MalformedStructureException if the size is wrong or a reserved byte is not zero
   */
  public static Report read(MemorySegment segment) {
    Codec.Reader in = CODEC.read(segment);
    return new Report(
        CpuSvn.of(in.bytes("cpuSvn")),
        in.miscSelect("miscSelect"),
        in.u8("cetAttributes"),
        Id16.of(in.bytes("isvExtProdId")),
        in.attributes("attributes"),
        in.digest32("mrEnclave"),
        in.digest32("mrSigner"),
        ConfigId.of(in.bytes("configId")),
        in.u16("isvProdId"),
        in.u16("isvSvn"),
        in.u16("configSvn"),
        Id16.of(in.bytes("isvFamilyId")),
        Reportdata.of(in.bytes("reportData")),
        KeyId.of(in.bytes("keyId")),
        Mac16.of(in.bytes("mac")));
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    CODEC.write(segment)
        .bytes("cpuSvn", cpuSvn)
        .miscSelect("miscSelect", miscSelect)
        .u8("cetAttributes", cetAttributes)
        .bytes("isvExtProdId", isvExtProdId)
        .attributes("attributes", attributes)
        .bytes("mrEnclave", mrEnclave)
        .bytes("mrSigner", mrSigner)
        .bytes("configId", configId)
        .u16("isvProdId", isvProdId)
        .u16("isvSvn", isvSvn)
        .u16("configSvn", configSvn)
        .bytes("isvFamilyId", isvFamilyId)
        .bytes("reportData", reportData)
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
