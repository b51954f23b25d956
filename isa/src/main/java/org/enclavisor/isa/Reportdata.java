package org.enclavisor.isa;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

/** REPORTDATA: 64 bytes of the enclave's own that EREPORT binds into a {@link Report} (SDM 3D, “REPORTDATA”). */
public final class Reportdata extends FixedBytes {
  /** Size in bytes. */
  public static final int BYTES = 64;

  /** Alignment that EREPORT demands of its address, in bytes. */
  public static final int ALIGNMENT = 128;

  /** The structure's one member. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(Codec.bytes("reportData", BYTES)).withName("REPORTDATA");

  /** All zero. */
  public static final Reportdata ZERO = new Reportdata(new byte[BYTES]);

  private static final Codec CODEC = new Codec("REPORTDATA", LAYOUT);

  private Reportdata(byte[] bytes) {
    super(bytes, BYTES);
  }

  /** From 64 bytes, which are copied. */
  public static Reportdata of(byte[] bytes) {
    return new Reportdata(bytes);
  }

  /**
   * @throws MalformedStructureException if the size is wrong
   */
  public static Reportdata read(MemorySegment segment) {
    return new Reportdata(CODEC.read(segment).bytes("reportData"));
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    CODEC.write(segment).bytes("reportData", bytes());
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    return bytes();
  }
}
