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
import java.util.Optional;

/**
 * KEYREQUEST: which key an enclave asks of EGETKEY (SDM 3D, “Key Request (KEYREQUEST)”).
 *
 * @param keyNameCode offset 0, KEYNAME: 16 bits; an unknown one is EGETKEY's to refuse
 * @param keyPolicy offset 2, KEYPOLICY
 * @param isvSvn offset 4, ISVSVN: 16 bits
 * @param cetAttributesMask offset 6, CET_ATTRIBUTES_MASK: 8 bits
 * @param cpuSvn offset 8, CPUSVN
 * @param attributeMask offset 24, ATTRIBUTEMASK
 * @param keyId offset 40, KEYID
 * @param miscMask offset 72, MISCMASK
 * @param configSvn offset 76, CONFIGSVN: 16 bits
 */
public record Keyrequest(
    int keyNameCode,
    KeyPolicy keyPolicy,
    int isvSvn,
    int cetAttributesMask,
    CpuSvn cpuSvn,
    Attributes attributeMask,
    KeyId keyId,
    MiscSelect miscMask,
    int configSvn) {

  /** Size in bytes. */
  public static final int BYTES = 512;

  /** Alignment that EGETKEY demands of its address, in bytes. */
  public static final int ALIGNMENT = 512;

  /** The members' places. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              u16("keyName"),
              u16("keyPolicy"),
              u16("isvSvn"),
              u8("cetAttributesMask"),
              reserved(1, 1),
              bytes("cpuSvn", 16),
              Attributes.LAYOUT.withName("attributeMask"),
              bytes("keyId", 32),
              u32("miscMask"),
              u16("configSvn"),
              reserved(2, 434))
          .withName("KEYREQUEST");

  private static final Codec CODEC = new Codec("KEYREQUEST", LAYOUT);

  public Keyrequest {
    requireU16("keyName", keyNameCode);
    requireU16("isvSvn", isvSvn);
    requireU8("cetAttributesMask", cetAttributesMask);
    requireU16("configSvn", configSvn);
  }

  /** KEYNAME by name; empty where the number is reserved. */
  public Optional<KeyName> keyName() {
    return KeyName.of(keyNameCode);
  }

  /** Whether {@link #read} would refuse these {@link #BYTES} bytes. For leaves, which have to fault themselves. */
  public static boolean hasReservedBits(MemorySegment segment) {
    return CODEC.hasReservedBits(segment)
        || (CODEC.unchecked(segment).u16("keyPolicy") & ~KeyPolicy.KNOWN_BITS) != 0;
  }

  /**
   * @throws MalformedStructureException if the size is wrong, or a reserved byte or a reserved bit of KEYPOLICY is not
   *     zero
   */
  public static Keyrequest read(MemorySegment segment) {
    Codec.Reader in = CODEC.read(segment);
    int policy = in.u16("keyPolicy");
    if ((policy & ~KeyPolicy.KNOWN_BITS) != 0) {
      throw CODEC.malformed("keyPolicy", "bits 15:6 clear", Codec.hex(policy));
    }
    return new Keyrequest(
        in.u16("keyName"),
        new KeyPolicy(policy),
        in.u16("isvSvn"),
        in.u8("cetAttributesMask"),
        CpuSvn.of(in.bytes("cpuSvn")),
        in.attributes("attributeMask"),
        KeyId.of(in.bytes("keyId")),
        in.miscSelect("miscMask"),
        in.u16("configSvn"));
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    CODEC.write(segment)
        .u16("keyName", keyNameCode)
        .u16("keyPolicy", keyPolicy.bits())
        .u16("isvSvn", isvSvn)
        .u8("cetAttributesMask", cetAttributesMask)
        .bytes("cpuSvn", cpuSvn)
        .attributes("attributeMask", attributeMask)
        .bytes("keyId", keyId)
        .miscSelect("miscMask", miscMask)
        .u16("configSvn", configSvn);
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    byte[] result = new byte[BYTES];
    write(MemorySegment.ofArray(result));
    return result;
  }
}
