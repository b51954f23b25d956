package org.enclavisor.isa;

import static org.enclavisor.isa.Codec.bytes;
import static org.enclavisor.isa.Codec.reserved;
import static org.enclavisor.isa.Codec.u16;
import static org.enclavisor.isa.Codec.u32;
import static org.enclavisor.isa.Codec.u8;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * SIGSTRUCT: what a signer says of an enclave, and the signature (SDM 3D, “Enclave Signature Structure (SIGSTRUCT)”).
 * {@link #read} refuses wrong constants and reserved bytes, so these need no field; the rest is {@link #verify}'s.
 *
 * @param body what is signed
 * @param modulus offset 128, MODULUS: 3072 bits, unsigned
 * @param exponent offset 512, EXPONENT: must be 3
 * @param signature offset 516, SIGNATURE: PKCS #1 v1.5 with SHA-256, as an integer
 * @param q1 offset 1040, Q1: what spares the processor a division
 * @param q2 offset 1424, Q2: what spares the processor another
 */
public record Sigstruct(
    SigstructBody body, BigInteger modulus, int exponent, BigInteger signature, BigInteger q1, BigInteger q2) {

  /** Size in bytes. */
  public static final int BYTES = 1808;

  /** Alignment that EINIT demands of its address, in bytes. */
  public static final int ALIGNMENT = 4096;

  /** Size in bytes of the modulus and of what is computed modulo it. */
  public static final int KEY_BYTES = 384;

  /** The only public exponent that the manual allows. */
  public static final int EXPONENT = 3;

  /** The members' places. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              bytes("header", 16),
              u32("vendor"),
              u32("date"),
              bytes("header2", 16),
              u32("swDefined"),
              reserved(1, 84),
              bytes("modulus", KEY_BYTES),
              u32("exponent"),
              bytes("signature", KEY_BYTES),
              u32("miscSelect"),
              u32("miscMask"),
              u8("cetAttributes"),
              u8("cetAttributesMask"),
              reserved(2, 2),
              bytes("isvFamilyId", 16),
              Attributes.LAYOUT.withName("attributes"),
              Attributes.LAYOUT.withName("attributeMask"),
              bytes("enclaveHash", 32),
              reserved(3, 16),
              bytes("isvExtProdId", 16),
              u16("isvProdId"),
              u16("isvSvn"),
              reserved(4, 12),
              bytes("q1", KEY_BYTES),
              bytes("q2", KEY_BYTES))
          .withName("SIGSTRUCT");

  /** Where the second part of what is signed begins. */
  static final int SECOND_SIGNED_OFFSET = 900;

  private static final Codec CODEC = new Codec("SIGSTRUCT", LAYOUT);

  // HEADER and HEADER2 are constants of the manual.
  private static final byte[] HEADER = HexFormat.of().parseHex("06000000e10000000000010000000000");
  private static final byte[] HEADER2 = HexFormat.of().parseHex("01010000600000006000000001000000");

  public Sigstruct {
    requireKeySize("modulus", modulus);
    requireKeySize("signature", signature);
    requireKeySize("q1", q1);
    requireKeySize("q2", q2);
  }

  private static void requireKeySize(String name, BigInteger value) {
    if (value.signum() < 0 || value.bitLength() > 8 * KEY_BYTES) {
      throw new IllegalArgumentException(name + " has " + value.bitLength() + " bits or is negative");
    }
  }

  /** One without key and signature, which {@link #verify} will refuse: the form that is filled in by a signer. */
  static Sigstruct unsigned(SigstructBody body) {
    BigInteger zero = BigInteger.ZERO;
    return new Sigstruct(body, zero, EXPONENT, zero, zero, zero);
  }

  /** ENCLAVEHASH: the MRENCLAVE that must be. */
  public Digest32 enclaveHash() {
    return body.enclaveHash();
  }

  /** ATTRIBUTES. */
  public Attributes attributes() {
    return body.attributes();
  }

  /** ATTRIBUTEMASK. */
  public Attributes attributeMask() {
    return body.attributeMask();
  }

  /** MISCSELECT. */
  public MiscSelect miscSelect() {
    return body.miscSelect();
  }

  /** MISCMASK. */
  public MiscSelect miscMask() {
    return body.miscMask();
  }

  /** ISVPRODID. */
  public int isvProdId() {
    return body.isvProdId();
  }

  /** ISVSVN. */
  public int isvSvn() {
    return body.isvSvn();
  }

  /** What is signed: bytes 0 to 127 and 900 to 1027. */
  public byte[] signedBytes() {
    return body.signedBytes();
  }

  /** Whether the signature is one over this body by this key, with the right Q1 and Q2. Whose key is not asked. */
  public SignatureCheck verify() {
    return SignatureCheck.of(this);
  }

  /** MRSIGNER: SHA-256 of the modulus, least significant byte first. */
  public Digest32 mrSigner() {
    return mrSigner(modulus);
  }

  /** MRSIGNER of whoever has this modulus. */
  public static Digest32 mrSigner(BigInteger modulus) {
    return Digest32.of(Sha256.newDigest().digest(LittleEndian.ofInteger(modulus, KEY_BYTES)));
  }

  /**
   * Whether {@link #read} would refuse these {@link #BYTES} bytes for a reserved byte or a wrong constant. For EINIT,
   * which has to answer itself: SGX_INVALID_SIG_STRUCT.
   */
  public static boolean hasReservedBits(MemorySegment segment) {
    return CODEC.hasReservedBits(segment)
        || !Arrays.equals(CODEC.unchecked(segment).bytes("header"), HEADER)
        || !Arrays.equals(CODEC.unchecked(segment).bytes("header2"), HEADER2);
  }

  /**
   * @throws MalformedStructureException if the size is wrong, HEADER or HEADER2 differs from the manual's constant, or
   *     a reserved byte is not zero
   */
  public static Sigstruct read(MemorySegment segment) {
    CODEC.requireSize(segment);
    requireConstant(segment, "header", HEADER);
    requireConstant(segment, "header2", HEADER2);
    Codec.Reader in = CODEC.read(segment);
    SigstructBody body =
        new SigstructBody(
            in.u32("vendor"),
            in.u32("date"),
            in.u32("swDefined"),
            in.miscSelect("miscSelect"),
            in.miscSelect("miscMask"),
            in.u8("cetAttributes"),
            in.u8("cetAttributesMask"),
            Id16.of(in.bytes("isvFamilyId")),
            in.attributes("attributes"),
            in.attributes("attributeMask"),
            in.digest32("enclaveHash"),
            Id16.of(in.bytes("isvExtProdId")),
            in.u16("isvProdId"),
            in.u16("isvSvn"));
    return new Sigstruct(
        body,
        in.integer("modulus"),
        in.u32("exponent"),
        in.integer("signature"),
        in.integer("q1"),
        in.integer("q2"));
  }

  private static void requireConstant(MemorySegment segment, String field, byte[] expected) {
    byte[] found = CODEC.unchecked(segment).bytes(field);
    if (!Arrays.equals(found, expected)) {
      throw CODEC.malformed(field, HexFormat.of().formatHex(expected), HexFormat.of().formatHex(found));
    }
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    CODEC.write(segment)
        .bytes("header", HEADER)
        .u32("vendor", body.vendor())
        .u32("date", body.date())
        .bytes("header2", HEADER2)
        .u32("swDefined", body.swDefined())
        .integer("modulus", modulus)
        .u32("exponent", exponent)
        .integer("signature", signature)
        .miscSelect("miscSelect", body.miscSelect())
        .miscSelect("miscMask", body.miscMask())
        .u8("cetAttributes", body.cetAttributes())
        .u8("cetAttributesMask", body.cetAttributesMask())
        .bytes("isvFamilyId", body.isvFamilyId())
        .attributes("attributes", body.attributes())
        .attributes("attributeMask", body.attributeMask())
        .bytes("enclaveHash", body.enclaveHash())
        .bytes("isvExtProdId", body.isvExtProdId())
        .u16("isvProdId", body.isvProdId())
        .u16("isvSvn", body.isvSvn())
        .integer("q1", q1)
        .integer("q2", q2);
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    byte[] result = new byte[BYTES];
    write(MemorySegment.ofArray(result));
    return result;
  }
}
