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

/**
 * TARGETINFO: the enclave that a report is for (SDM 3D, “Report Target Info (TARGETINFO)”).
 *
 * @param measurement offset 0, MEASUREMENT: its MRENCLAVE
 * @param attributes offset 32, ATTRIBUTES
 * @param cetAttributes offset 48, CET_ATTRIBUTES: 8 bits
 * @param configSvn offset 50, CONFIGSVN: 16 bits
 * @param miscSelect offset 52, MISCSELECT
 * @param configId offset 64, CONFIGID
 */
public record Targetinfo(
    Digest32 measurement,
    Attributes attributes,
    int cetAttributes,
    int configSvn,
    MiscSelect miscSelect,
    ConfigId configId) {

  /** Size in bytes. */
  public static final int BYTES = 512;

  /** Alignment that EREPORT demands of its address, in bytes. */
  public static final int ALIGNMENT = 512;

  /** The members' places. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              bytes("measurement", 32),
              Attributes.LAYOUT.withName("attributes"),
              u8("cetAttributes"),
              reserved(1, 1),
              u16("configSvn"),
              u32("miscSelect"),
              reserved(2, 8),
              bytes("configId", 64),
              reserved(3, 384))
          .withName("TARGETINFO");

  private static final Codec CODEC = new Codec("TARGETINFO", LAYOUT);

  public Targetinfo {
    requireU8("cetAttributes", cetAttributes);
    requireU16("configSvn", configSvn);
  }

  /** The enclave of which a report speaks, as a target for a report to it. */
  public static Targetinfo of(Report report) {
    return new Targetinfo(
        report.mrEnclave(), report.attributes(), report.cetAttributes(), report.configSvn(), report.miscSelect(),
        report.configId());
  }

  /** Whether {@link #read} would refuse these {@link #BYTES} bytes. For leaves, which have to fault themselves. */
  public static boolean hasReservedBits(MemorySegment segment) {
    return CODEC.hasReservedBits(segment);
  }

  /**
   * @throws MalformedStructureException if the size is wrong or a reserved byte is not zero
   */
  public static Targetinfo read(MemorySegment segment) {
    Codec.Reader in = CODEC.read(segment);
    return new Targetinfo(
        in.digest32("measurement"),
        in.attributes("attributes"),
        in.u8("cetAttributes"),
        in.u16("configSvn"),
        in.miscSelect("miscSelect"),
        ConfigId.of(in.bytes("configId")));
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    CODEC.write(segment)
        .bytes("measurement", measurement)
        .attributes("attributes", attributes)
        .u8("cetAttributes", cetAttributes)
        .u16("configSvn", configSvn)
        .miscSelect("miscSelect", miscSelect)
        .bytes("configId", configId);
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    byte[] result = new byte[BYTES];
    write(MemorySegment.ofArray(result));
    return result;
  }
}
