package org.enclavisor.isa;

import static org.enclavisor.isa.Codec.U64;
import static org.enclavisor.isa.Codec.u64;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * ATTRIBUTES: what an enclave is and may (SDM 3D, “ATTRIBUTES”). Also a mask over such a value. Which reserved bits
 * are an error is for the leaf to decide, so all 128 bits are kept.
 *
 * @param flags offset 0: the bits named below
 * @param xfrm offset 8, XFRM: the state components of XCR0 that the enclave uses
 */
public record Attributes(long flags, long xfrm) {
  /** Bit 0, INIT: EINIT has succeeded. */
  public static final long INIT = 1L;

  /** Bit 1, DEBUG: a debugger may read and write the enclave. */
  public static final long DEBUG = 1L << 1;

  /** Bit 2, MODE64BIT: the enclave runs in 64-bit mode. */
  public static final long MODE64BIT = 1L << 2;

  /** Bit 4, PROVISIONKEY: EGETKEY gives the provisioning keys. */
  public static final long PROVISIONKEY = 1L << 4;

  /** Bit 5, EINITTOKEN_KEY: EGETKEY gives the launch key. */
  public static final long EINITTOKENKEY = 1L << 5;

  /** Bit 6, CET: control-flow enforcement inside. */
  public static final long CET = 1L << 6;

  /** Bit 7, KSS: key separation and sharing. */
  public static final long KSS = 1L << 7;

  /** Bit 10, AEXNOTIFY: threads may ask to be told of asynchronous exits. */
  public static final long AEXNOTIFY = 1L << 10;

  /** All bits that have a name. */
  public static final long KNOWN_FLAGS =
      INIT | DEBUG | MODE64BIT | PROVISIONKEY | EINITTOKENKEY | CET | KSS | AEXNOTIFY;

  /** XFRM's x87 and SSE, which every enclave has. */
  public static final long XFRM_LEGACY = 3;

  /** Size in bytes. */
  public static final int BYTES = 16;

  /** The members' places. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(u64("flags"), u64("xfrm")).withName("ATTRIBUTES");

  /** No bit set. */
  public static final Attributes ZERO = new Attributes(0, 0);

  /** Whether all these flags are set. */
  public boolean has(long bits) {
    return (flags & bits) == bits;
  }

  /** The same with these flags set too. */
  public Attributes with(long bits) {
    return new Attributes(flags | bits, xfrm);
  }

  /** The same with these flags clear. */
  public Attributes without(long bits) {
    return new Attributes(flags & ~bits, xfrm);
  }

  /** The bits that both have. */
  public Attributes and(Attributes mask) {
    return new Attributes(flags & mask.flags, xfrm & mask.xfrm);
  }

  /**
   * @throws MalformedStructureException if the size is wrong
   */
  public static Attributes read(MemorySegment segment) {
    if (segment.byteSize() != BYTES) {
      throw new MalformedStructureException(
          "ATTRIBUTES", "size", 0, BYTES + " bytes", segment.byteSize() + " bytes");
    }
    return new Attributes(segment.get(U64, 0), segment.get(U64, 8));
  }

  /** Writes {@link #BYTES} bytes at the segment's start. */
  public void write(MemorySegment segment) {
    segment.set(U64, 0, flags);
    segment.set(U64, 8, xfrm);
  }

  /** The structure's bytes. */
  public byte[] toBytes() {
    byte[] result = new byte[BYTES];
    write(MemorySegment.ofArray(result));
    return result;
  }

  /** The names of the flags, what has no name as hex, and XFRM. */
  @Override
  public String toString() {
    List<String> names = new ArrayList<>();
    name(names, INIT, "INIT");
    name(names, DEBUG, "DEBUG");
    name(names, MODE64BIT, "MODE64BIT");
    name(names, PROVISIONKEY, "PROVISIONKEY");
    name(names, EINITTOKENKEY, "EINITTOKENKEY");
    name(names, CET, "CET");
    name(names, KSS, "KSS");
    name(names, AEXNOTIFY, "AEXNOTIFY");
    long rest = flags & ~KNOWN_FLAGS;
    if (rest != 0) {
      names.add("0x" + Long.toHexString(rest));
    }
    return (names.isEmpty() ? "0" : String.join("|", names)) + " XFRM=0x" + Long.toHexString(xfrm);
  }

  private void name(List<String> names, long bit, String name) {
    if (has(bit)) {
      names.add(name);
    }
  }
}
