package org.enclavisor.image.elf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.enclavisor.image.MalformedImageException;

/**
 * A read-only look at bytes that may be hostile: little-endian, every access named and checked against the length
 * without overflow. Offsets in errors are offsets in the whole file, also for a part of it.
 *
 * @param segment the bytes
 * @param name what they are, for error messages
 * @param origin where they begin in the file
 */
public record HostileBytes(MemorySegment segment, String name, long origin) {
  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  public HostileBytes(MemorySegment segment, String name) {
    this(segment, name, 0);
  }

  public long size() {
    return segment.byteSize();
  }

  /** Whether {@code [offset, offset + length)} lies inside, for any values of the two (unsigned). */
  public boolean holds(long offset, long length) {
    return offset >= 0 && length >= 0 && offset <= size() && length <= size() - offset;
  }

  public int u8(long offset, String field) {
    check(offset, 1, field);
    return Byte.toUnsignedInt(segment.get(ValueLayout.JAVA_BYTE, offset));
  }

  public int u16(long offset, String field) {
    check(offset, Short.BYTES, field);
    return Short.toUnsignedInt(segment.get(U16, offset));
  }

  /** An unsigned 32-bit number. */
  public long u32(long offset, String field) {
    check(offset, Integer.BYTES, field);
    return Integer.toUnsignedLong(segment.get(U32, offset));
  }

  /** 64 bits as they are: a number above 2⁶³ is negative. */
  public long u64(long offset, String field) {
    check(offset, Long.BYTES, field);
    return segment.get(U64, offset);
  }

  /** 64 bits that have to be a number of at most {@code max} (which is not negative). */
  public long u64UpTo(long offset, long max, String field) {
    long value = u64(offset, field);
    if (Long.compareUnsigned(value, max) > 0) {
      throw malformed(field, offset, "at most " + hex(max), hex(value));
    }
    return value;
  }

  /** A part of these bytes; no copy. */
  public HostileBytes slice(long offset, long length, String field) {
    check(offset, length, field);
    return new HostileBytes(segment.asSlice(offset, length), name, origin + offset);
  }

  /** The text from an offset to the next NUL; refused where no NUL follows within {@code max} bytes. */
  public String cString(long offset, int max, String field) {
    check(offset, 1, field);
    long end = Math.min(size(), offset + max);
    for (long at = offset; at < end; at++) {
      if (segment.get(ValueLayout.JAVA_BYTE, at) == 0) {
        byte[] text = segment.asSlice(offset, at - offset).toArray(ValueLayout.JAVA_BYTE);
        return new String(text, StandardCharsets.ISO_8859_1);
      }
    }
    throw malformed(field, offset, "a NUL within " + (end - offset) + " bytes", "none");
  }

  /** Whether exactly this NUL-terminated text is there; false also where it would run past the end. */
  public boolean textIs(long offset, String text) {
    if (offset < 0 || !holds(offset, text.length() + 1L)) {
      return false;
    }
    for (int i = 0; i < text.length(); i++) {
      if (segment.get(ValueLayout.JAVA_BYTE, offset + i) != (byte) text.charAt(i)) {
        return false;
      }
    }
    return segment.get(ValueLayout.JAVA_BYTE, offset + text.length()) == 0;
  }

  /** The error for a field of these bytes; {@code offset} counts from their beginning. */
  public MalformedImageException malformed(String field, long offset, String expected, String found) {
    return new MalformedImageException(name + ": " + field, origin + offset, expected, found);
  }

  private void check(long offset, long length, String field) {
    if (!holds(offset, length)) {
      throw malformed(field, offset, "to lie within the " + size() + " bytes there are",
          "offset " + hex(offset) + ", length " + hex(length));
    }
  }

  /** A number as people write it in this trade. */
  public static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }
}
