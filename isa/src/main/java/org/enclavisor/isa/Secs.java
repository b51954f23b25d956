package org.enclavisor.isa;

import static org.enclavisor.isa.Codec.bytes;
import static org.enclavisor.isa.Codec.requireU16;
import static org.enclavisor.isa.Codec.requireU8;
import static org.enclavisor.isa.Codec.reserved;
import static org.enclavisor.isa.Codec.u16;
import static org.enclavisor.isa.Codec.u32;
import static org.enclavisor.isa.Codec.u64;
import static org.enclavisor.isa.Codec.u8;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

/**
 * SECS: what an enclave is (SDM 3D, “SGX Enclave Control Structure (SECS)”). A record holds what the manual names;
 * what a processor keeps in the reserved part (such as the enclave's number) is the monitor's own affair.
 *
 * @param size offset 0, SIZE: of the ELRANGE in bytes
 * @param baseAddr offset 8, BASEADDR: linear address of the ELRANGE
 * @param ssaFrameSize offset 16, SSAFRAMESIZE: of one SSA frame in pages, unsigned
 * @param miscSelect offset 20, MISCSELECT
 * @param cetLegBitmapOffset offset 24, CET_LEG_BITMAP_OFFSET: of the legacy code page bitmap from the base, in bytes
 * @param cetAttributes offset 32, CET_ATTRIBUTES: 8 bits
 * @param attributes offset 48, ATTRIBUTES
 * @param mrEnclave offset 64, MRENCLAVE
 * @param mrSigner offset 128, MRSIGNER
 * @param configId offset 192, CONFIGID
 * @param isvProdId offset 256, ISVPRODID: 16 bits
 * @param isvSvn offset 258, ISVSVN: 16 bits
 * @param configSvn offset 260, CONFIGSVN: 16 bits
 */
public record Secs(
    long size,
    long baseAddr,
    int ssaFrameSize,
    MiscSelect miscSelect,
    long cetLegBitmapOffset,
    int cetAttributes,
    Attributes attributes,
    Digest32 mrEnclave,
    Digest32 mrSigner,
    ConfigId configId,
    int isvProdId,
    int isvSvn,
    int configSvn) {

  /** Size in bytes: one page. */
  public static final int BYTES = 4096;

  /** The members' places. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              u64("size"),
              u64("baseAddr"),
              u32("ssaFrameSize"),
              u32("miscSelect"),
              u64("cetLegBitmapOffset"),
              u8("cetAttributes"),
              reserved(1, 15),
              Attributes.LAYOUT.withName("attributes"),
              bytes("mrEnclave", 32),
              reserved(2, 32),
              bytes("mrSigner", 32),
              reserved(3, 32),
              bytes("configId", 64),
              u16("isvProdId"),
              u16("isvSvn"),
              u16("configSvn"),
              reserved(4, 3834))
          .withName("SECS");

  private static final Codec CODEC = new Codec("SECS", LAYOUT);

  public Secs {
    requireU8("cetAttributes", cetAttributes);
    requireU16("isvProdId", isvProdId);
    requireU16("isvSvn", isvSvn);
    requireU16("configSvn", configSvn);
  }

  /** What ECREATE takes of an enclave that uses neither CET nor a configuration; the base is 0. */
  public static Secs of(long size, int ssaFrameSize, MiscSelect miscSelect, Attributes attributes) {
    return new Secs(
        size, 0, ssaFrameSize, miscSelect, 0, 0, attributes, Digest32.ZERO, Digest32.ZERO, ConfigId.ZERO, 0, 0, 0);
  }

  /** The same at another linear address. */
  public Secs withBaseAddr(long address) {
    return new Secs(
        size, address, ssaFrameSize, miscSelect, cetLegBitmapOffset, cetAttributes, attributes, mrEnclave, mrSigner,
        configId, isvProdId, isvSvn, configSvn);
  }

  /** The same with other attributes. */
  public Secs withAttributes(Attributes other) {
    return new Secs(
        size, baseAddr, ssaFrameSize, miscSelect, cetLegBitmapOffset, cetAttributes, other, mrEnclave, mrSigner,
        configId, isvProdId, isvSvn, configSvn);
  }

  /** The same for another configuration (KSS). */
  public Secs withConfig(ConfigId id, int svn) {
    return new Secs(
        size, baseAddr, ssaFrameSize, miscSelect, cetLegBitmapOffset, cetAttributes, attributes, mrEnclave, mrSigner,
        id, isvProdId, isvSvn, svn);
  }

  /** The same with the identity that EINIT gives, and INIT set. */
  public Secs initialized(Digest32 newMrEnclave, Digest32 newMrSigner, int newIsvProdId, int newIsvSvn) {
    return new Secs(
        size, baseAddr, ssaFrameSize, miscSelect, cetLegBitmapOffset, cetAttributes,
        attributes.with(Attributes.INIT), newMrEnclave, newMrSigner, configId, newIsvProdId, newIsvSvn, configSvn);
  }

  /** Whether {@link #read} would refuse these {@link #BYTES} bytes. For leaves, which have to fault themselves. */
  public static boolean hasReservedBits(MemorySegment segment) {
    return CODEC.hasReservedBits(segment);
  }

  /**
   * @throws MalformedStructureException if the size is wrong or a reserved byte is not zero
   */
  public static Secs read(MemorySegment segment) {
    Codec.Reader in = CODEC.read(segment);
    return new Secs(
        in.u64("size"),
        in.u64("baseAddr"),
        in.u32("ssaFrameSize"),
        in.miscSelect("miscSelect"),
        in.u64("cetLegBitmapOffset"),
        in.u8("cetAttributes"),
        in.attributes("attributes"),
        in.digest32("mrEnclave"),
        in.digest32("mrSigner"),
        ConfigId.of(in.bytes("configId")),
        in.u16("isvProdId"),
        in.u16("isvSvn"),
        in.u16("configSvn"));
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    CODEC.write(segment)
        .u64("size", size)
        .u64("baseAddr", baseAddr)
        .u32("ssaFrameSize", ssaFrameSize)
        .miscSelect("miscSelect", miscSelect)
        .u64("cetLegBitmapOffset", cetLegBitmapOffset)
        .u8("cetAttributes", cetAttributes)
        .attributes("attributes", attributes)
        .bytes("mrEnclave", mrEnclave)
        .bytes("mrSigner", mrSigner)
        .bytes("configId", configId)
        .u16("isvProdId", isvProdId)
        .u16("isvSvn", isvSvn)
        .u16("configSvn", configSvn);
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    byte[] result = new byte[BYTES];
    write(MemorySegment.ofArray(result));
    return result;
  }
}
