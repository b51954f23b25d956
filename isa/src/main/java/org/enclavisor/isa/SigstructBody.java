package org.enclavisor.isa;

import static org.enclavisor.isa.Codec.requireU16;
import static org.enclavisor.isa.Codec.requireU8;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * What a signer says of an enclave: those fields of a {@link Sigstruct} that its signature covers. Offsets are those of
 * SIGSTRUCT.
 *
 * @param vendor offset 16, VENDOR: 0 or 0x8086 (Intel's)
 * @param date offset 20, DATE: of the build, in BCD as 0xyyyymmdd
 * @param swDefined offset 40, SWDEFINED: the signer's own
 * @param miscSelect offset 900, MISCSELECT: the value that must be, under the mask
 * @param miscMask offset 904, MISCMASK: which bits of MISCSELECT are enforced
 * @param cetAttributes offset 908, CET_ATTRIBUTES: 8 bits
 * @param cetAttributesMask offset 909, CET_ATTRIBUTES_MASK: 8 bits
 * @param isvFamilyId offset 912, ISVFAMILYID
 * @param attributes offset 928, ATTRIBUTES: the value that must be, under the mask
 * @param attributeMask offset 944, ATTRIBUTEMASK: which bits of ATTRIBUTES are enforced
 * @param enclaveHash offset 960, ENCLAVEHASH: the MRENCLAVE that must be
 * @param isvExtProdId offset 1008, ISVEXTPRODID
 * @param isvProdId offset 1024, ISVPRODID: 16 bits
 * @param isvSvn offset 1026, ISVSVN: 16 bits
 */
public record SigstructBody(
    int vendor,
    int date,
    int swDefined,
    MiscSelect miscSelect,
    MiscSelect miscMask,
    int cetAttributes,
    int cetAttributesMask,
    Id16 isvFamilyId,
    Attributes attributes,
    Attributes attributeMask,
    Digest32 enclaveHash,
    Id16 isvExtProdId,
    int isvProdId,
    int isvSvn) {

  /** VENDOR of everybody but Intel. */
  public static final int VENDOR_OTHER = 0;

  /** VENDOR of Intel's own enclaves. */
  public static final int VENDOR_INTEL = 0x8086;

  /** Size in bytes of {@link #signedBytes()}. */
  public static final int SIGNED_BYTES = 256;

  private static final int HEADER_BYTES = 128;

  public SigstructBody {
    requireU8("cetAttributes", cetAttributes);
    requireU8("cetAttributesMask", cetAttributesMask);
    requireU16("isvProdId", isvProdId);
    requireU16("isvSvn", isvSvn);
  }

  /**
   * Of an enclave that uses neither CET nor KSS, by a vendor that is not Intel.
   *
   * @param date in BCD as 0xyyyymmdd
   */
  public static SigstructBody of(
      int date,
      Digest32 enclaveHash,
      MiscSelect miscSelect,
      MiscSelect miscMask,
      Attributes attributes,
      Attributes attributeMask,
      int isvProdId,
      int isvSvn) {
    return new SigstructBody(
        VENDOR_OTHER, date, 0, miscSelect, miscMask, 0, 0, Id16.ZERO, attributes, attributeMask, enclaveHash,
        Id16.ZERO, isvProdId, isvSvn);
  }

  /** The same with the identifiers that KSS adds. */
  public SigstructBody withKss(Id16 familyId, Id16 extProdId) {
    return new SigstructBody(
        vendor, date, swDefined, miscSelect, miscMask, cetAttributes, cetAttributesMask, familyId, attributes,
        attributeMask, enclaveHash, extProdId, isvProdId, isvSvn);
  }

  /** What is signed: bytes 0 to 127 and 900 to 1027 of the SIGSTRUCT. The order is that of the file. */
  public byte[] signedBytes() {
    byte[] whole = Sigstruct.unsigned(this).toBytes();
    byte[] signed = Arrays.copyOf(whole, SIGNED_BYTES);
    System.arraycopy(whole, Sigstruct.SECOND_SIGNED_OFFSET, signed, HEADER_BYTES, HEADER_BYTES);
    return signed;
  }

  /**
   * From {@link #signedBytes()}: how the second half of a two-step signature finds what the first half said.
   *
   * @throws MalformedStructureException as of SIGSTRUCT, if the size is wrong, a constant differs or a reserved byte is
   *     not zero
   */
  public static SigstructBody ofSignedBytes(byte[] signed) {
    if (signed.length != SIGNED_BYTES) {
      throw new MalformedStructureException(
          "SIGSTRUCT", "signedBytes", 0, SIGNED_BYTES + " bytes", signed.length + " bytes");
    }
    byte[] whole = new byte[Sigstruct.BYTES];
    System.arraycopy(signed, 0, whole, 0, HEADER_BYTES);
    System.arraycopy(signed, HEADER_BYTES, whole, Sigstruct.SECOND_SIGNED_OFFSET, HEADER_BYTES);
    return Sigstruct.read(MemorySegment.ofArray(whole)).body();
  }
}
