package org.enclavisor.monitor.state;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.enclavisor.isa.Id16;

/** The fields of one section, in their order; a complaint names the field read last. Confined to one thread. */
final class StateCursor {
  private final Section section;
  private final long start;
  private final ByteBuffer bytes;
  private final int origin;
  private String field = "payload";
  private long at;

  /** @param start offset of the first byte in the stream */
  StateCursor(Section section, long start, ByteBuffer bytes) {
    this.section = section;
    this.start = start;
    this.bytes = bytes.order(ByteOrder.LITTLE_ENDIAN);
    this.origin = bytes.position();
    this.at = start;
  }

  private void take(String name, int length) {
    field = name;
    at = start + bytes.position() - origin;
    if (bytes.remaining() < length) {
      throw malformed(length + " bytes", bytes.remaining() + " bytes");
    }
  }

  int u32(String name) {
    take(name, Integer.BYTES);
    return bytes.getInt();
  }

  long u64(String name) {
    take(name, Long.BYTES);
    return bytes.getLong();
  }

  byte[] bytes(String name, int length) {
    take(name, length);
    byte[] result = new byte[length];
    bytes.get(result);
    return result;
  }

  Id16 id16(String name) {
    return Id16.of(bytes(name, Id16.BYTES));
  }

  /** A number between two others. */
  long between(String name, long least, long most) {
    long value = u64(name);
    if (value < least || value > most) {
      throw malformed("0x%x to 0x%x".formatted(least, most), "0x%x".formatted(value));
    }
    return value;
  }

  /** What is left, which has to be so long. */
  ByteBuffer rest(String name, long length) {
    field = name;
    at = start + bytes.position() - origin;
    if (bytes.remaining() != length) {
      throw malformed(length + " bytes", bytes.remaining() + " bytes");
    }
    return bytes;
  }

  boolean hasMore() {
    return bytes.hasRemaining();
  }

  /** Nothing may be left. */
  void end() {
    if (bytes.hasRemaining()) {
      field = "length";
      at = start + bytes.position() - origin;
      throw malformed("the section's end", bytes.remaining() + " bytes more");
    }
  }

  /** A complaint about the field read last. */
  MalformedStateException malformed(String expected, String found) {
    return new MalformedStateException(section, field, at, expected, found);
  }

  /** A complaint about a part of it. */
  MalformedStateException malformed(String part, String expected, String found) {
    return new MalformedStateException(section, field + part, at, expected, found);
  }
}
