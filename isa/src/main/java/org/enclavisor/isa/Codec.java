package org.enclavisor.isa;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * Reads and writes one structure by the names in its layout, which is the only place where an offset is said. Members
 * whose name begins with {@code reserved} must be zero and are written as zero. Immutable, thread-safe.
 */
final class Codec {
  static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private record Range(String name, long offset, long size) {
    Range {
      if (size <= 0) {
        throw new IllegalArgumentException(name);
      }
    }
  }

  private final String structure;
  private final long bytes;
  private final Map<String, Range> members = new HashMap<>();
  private final List<Range> reserved = new ArrayList<>();

  Codec(String structure, StructLayout layout) {
    this.structure = structure;
    this.bytes = layout.byteSize();
    collect(layout);
  }

  private void collect(GroupLayout layout) {
    long offset = 0;
    for (MemoryLayout member : layout.memberLayouts()) {
      String name = member.name().orElseThrow();
      Range range = new Range(name, offset, member.byteSize());
      members.put(name, range);
      if (name.startsWith("reserved")) {
        reserved.add(range);
      }
      offset += member.byteSize();
    }
  }

  static MemoryLayout u8(String name) {
    return JAVA_BYTE.withName(name);
  }

  static MemoryLayout u16(String name) {
    return U16.withName(name);
  }

  static MemoryLayout u32(String name) {
    return U32.withName(name);
  }

  static MemoryLayout u64(String name) {
    return U64.withName(name);
  }

  static MemoryLayout bytes(String name, long size) {
    return MemoryLayout.sequenceLayout(size, JAVA_BYTE).withName(name);
  }

  static MemoryLayout reserved(int number, long size) {
    return bytes("reserved" + number, size);
  }

  void requireSize(MemorySegment segment) {
    if (segment.byteSize() != bytes) {
      throw new MalformedStructureException(
          structure, "size", 0, bytes + " bytes", segment.byteSize() + " bytes");
    }
  }

  /** A reader of which nothing has been checked. */
  Reader unchecked(MemorySegment segment) {
    return new Reader(segment);
  }

  /** A reader whose size and reserved members have been checked. */
  Reader read(MemorySegment segment) {
    requireSize(segment);
    for (Range range : reserved) {
      long at = firstNonZero(segment, range);
      if (at >= 0) {
        throw new MalformedStructureException(structure, range.name, at, "zero", hex(segment.get(JAVA_BYTE, at)));
      }
    }
    return new Reader(segment);
  }

  /** Whether a reserved member is not zero. */
  boolean hasReservedBits(MemorySegment segment) {
    for (Range range : reserved) {
      if (firstNonZero(segment, range) >= 0) {
        return true;
      }
    }
    return false;
  }

  /** A writer over the first bytes of the segment, which are now all zero. */
  Writer write(MemorySegment segment) {
    MemorySegment target = segment.asSlice(0, bytes);
    target.fill((byte) 0);
    return new Writer(target);
  }

  MalformedStructureException malformed(String field, String expected, String found) {
    return new MalformedStructureException(structure, field, member(field).offset, expected, found);
  }

  /** What is wrong with a structure inside this one, told from this one's start. */
  MalformedStructureException within(String field, MalformedStructureException inner) {
    return new MalformedStructureException(
        structure, field + "." + inner.field(), member(field).offset + inner.offset(), inner.expected(), inner.found());
  }

  private Range member(String name) {
    Range range = members.get(name);
    if (range == null) {
      throw new IllegalArgumentException(structure + " has no member " + name);
    }
    return range;
  }

  private static long firstNonZero(MemorySegment segment, Range range) {
    long at = range.offset;
    long end = range.offset + range.size;
    for (; at + Long.BYTES <= end; at += Long.BYTES) {
      if (segment.get(U64, at) != 0) {
        break;
      }
    }
    for (; at < end; at++) {
      if (segment.get(JAVA_BYTE, at) != 0) {
        return at;
      }
    }
    return -1;
  }

  static String hex(byte value) {
    return "0x" + HexFormat.of().toHexDigits(value);
  }

  static String hex(int value) {
    return "0x" + HexFormat.of().toHexDigits(value);
  }

  static String hex(long value) {
    return "0x" + HexFormat.of().toHexDigits(value);
  }

  /** A number must fit the unsigned 16 bits of its member. */
  static int requireU16(String name, int value) {
    if (value < 0 || value > 0xffff) {
      throw new IllegalArgumentException(name + "=" + value + " does not fit 16 bits");
    }
    return value;
  }

  /** A number must fit the unsigned 8 bits of its member. */
  static int requireU8(String name, int value) {
    if (value < 0 || value > 0xff) {
      throw new IllegalArgumentException(name + "=" + value + " does not fit 8 bits");
    }
    return value;
  }

  final class Reader {
    private final MemorySegment segment;

    private Reader(MemorySegment segment) {
      this.segment = segment;
    }

    int u8(String name) {
      return Byte.toUnsignedInt(segment.get(JAVA_BYTE, member(name).offset));
    }

    int u16(String name) {
      return Short.toUnsignedInt(segment.get(U16, member(name).offset));
    }

    int u32(String name) {
      return segment.get(U32, member(name).offset);
    }

    long u64(String name) {
      return segment.get(U64, member(name).offset);
    }

    byte[] bytes(String name) {
      return slice(name).toArray(JAVA_BYTE);
    }

    MemorySegment slice(String name) {
      Range range = member(name);
      return segment.asSlice(range.offset, range.size);
    }

    Attributes attributes(String name) {
      return Attributes.read(slice(name));
    }

    MiscSelect miscSelect(String name) {
      return new MiscSelect(u32(name));
    }

    Digest32 digest32(String name) {
      return Digest32.of(bytes(name));
    }

    /** An unsigned little-endian integer. */
    BigInteger integer(String name) {
      return LittleEndian.toInteger(bytes(name));
    }
  }

  final class Writer {
    private final MemorySegment segment;

    private Writer(MemorySegment segment) {
      this.segment = segment;
    }

    Writer u8(String name, int value) {
      segment.set(JAVA_BYTE, member(name).offset, (byte) value);
      return this;
    }

    Writer u16(String name, int value) {
      segment.set(U16, member(name).offset, (short) value);
      return this;
    }

    Writer u32(String name, int value) {
      segment.set(U32, member(name).offset, value);
      return this;
    }

    Writer u64(String name, long value) {
      segment.set(U64, member(name).offset, value);
      return this;
    }

    Writer bytes(String name, byte[] value) {
      Range range = member(name);
      if (value.length != range.size) {
        throw new IllegalArgumentException(name + " takes " + range.size + " bytes, not " + value.length);
      }
      MemorySegment.copy(value, 0, segment, JAVA_BYTE, range.offset, value.length);
      return this;
    }

    Writer bytes(String name, FixedBytes value) {
      return bytes(name, value.bytes());
    }

    Writer attributes(String name, Attributes value) {
      Range range = member(name);
      value.write(segment.asSlice(range.offset, range.size));
      return this;
    }

    Writer miscSelect(String name, MiscSelect value) {
      return u32(name, value.bits());
    }

    Writer integer(String name, BigInteger value) {
      return bytes(name, LittleEndian.ofInteger(value, (int) member(name).size));
    }
  }
}
