package org.enclavisor.isa;

import static org.enclavisor.isa.Codec.U64;
import static org.enclavisor.isa.Codec.reserved;
import static org.enclavisor.isa.Codec.u64;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

/**
 * SECINFO: what an EPC page is and what may be done with it (SDM 3D, “Security Information (SECINFO)”).
 *
 * @param type FLAGS bits 15:8, PAGE_TYPE
 * @param permissions FLAGS bits 2:0, R, W, X
 * @param pending FLAGS bit 3, PENDING: waits for EACCEPT after EAUG
 * @param modified FLAGS bit 4, MODIFIED: waits for EACCEPT after EMODT
 * @param pr FLAGS bit 5, PR: waits for EACCEPT after EMODPR
 */
public record Secinfo(PageType type, Permissions permissions, boolean pending, boolean modified, boolean pr) {
  /** FLAGS bit 3. */
  public static final long PENDING = 1L << 3;

  /** FLAGS bit 4. */
  public static final long MODIFIED = 1L << 4;

  /** FLAGS bit 5. */
  public static final long PR = 1L << 5;

  /** Size in bytes. */
  public static final int BYTES = 64;

  /** Alignment that the leaves demand of its address, in bytes. */
  public static final int ALIGNMENT = 64;

  /** The members' places. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(u64("flags"), reserved(1, 56)).withName("SECINFO");

  private static final Codec CODEC = new Codec("SECINFO", LAYOUT);

  private static final int TYPE_SHIFT = 8;
  private static final long TYPE_MASK = 0xffL << TYPE_SHIFT;
  private static final long KNOWN_FLAGS = 7 | PENDING | MODIFIED | PR | TYPE_MASK;

  /** Of a page of this type with these permissions that waits for nothing. */
  public Secinfo(PageType type, Permissions permissions) {
    this(type, permissions, false, false, false);
  }

  /** Of a regular page. */
  public static Secinfo reg(Permissions permissions) {
    return new Secinfo(PageType.REG, permissions);
  }

  /** Of a TCS: the manual gives it no permissions. */
  public static Secinfo tcs() {
    return new Secinfo(PageType.TCS, Permissions.NONE);
  }

  /** SECINFO.FLAGS, offset 0. */
  public long flags() {
    return permissions.bits()
        | (pending ? PENDING : 0)
        | (modified ? MODIFIED : 0)
        | (pr ? PR : 0)
        | ((long) type.code() << TYPE_SHIFT);
  }

  /**
   * From FLAGS.
   *
   * @throws MalformedStructureException if a reserved bit is set or the page type is a reserved one
   */
  public static Secinfo ofFlags(long flags) {
    if ((flags & ~KNOWN_FLAGS) != 0) {
      throw CODEC.malformed("flags", "reserved bits clear", Codec.hex(flags));
    }
    int code = (int) ((flags & TYPE_MASK) >>> TYPE_SHIFT);
    PageType type = PageType.of(code).orElseThrow(
        () -> CODEC.malformed("flags", "a page type of 0 to 6", Integer.toString(code)));
    return new Secinfo(
        type, Permissions.of(flags), (flags & PENDING) != 0, (flags & MODIFIED) != 0, (flags & PR) != 0);
  }

  /**
   * Whether {@link #read} would refuse these {@link #BYTES} bytes: a reserved bit is set, or the page type is a
   * reserved one. For leaves, which have to fault themselves.
   */
  public static boolean hasReservedBits(MemorySegment segment) {
    long flags = segment.get(U64, 0);
    return CODEC.hasReservedBits(segment)
        || (flags & ~KNOWN_FLAGS) != 0
        || PageType.of((int) ((flags & TYPE_MASK) >>> TYPE_SHIFT)).isEmpty();
  }

  /**
   * @throws MalformedStructureException if the size is wrong, a reserved bit is set, or the page type is a reserved one
   */
  public static Secinfo read(MemorySegment segment) {
    return ofFlags(CODEC.read(segment).u64("flags"));
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    CODEC.write(segment).u64("flags", flags());
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    byte[] result = new byte[BYTES];
    write(MemorySegment.ofArray(result));
    return result;
  }

  /** Such as {@code REG r-x}, with the names of the bits that are set. */
  @Override
  public String toString() {
    return type + " " + permissions + (pending ? " PENDING" : "") + (modified ? " MODIFIED" : "") + (pr ? " PR" : "");
  }
}
