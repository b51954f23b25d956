package org.enclavisor.isa;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/** Bytes put down at the offsets of the manual's tables, with nothing of the code under test. */
final class Golden {
  private final ByteBuffer buffer;

  private Golden(int size) {
    this.buffer = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  static Golden of(int size) {
    return new Golden(size);
  }

  /** Bytes that differ from each other, beginning with this one. */
  static byte[] run(int first, int size) {
    byte[] result = new byte[size];
    for (int i = 0; i < size; i++) {
      result[i] = (byte) (first + i);
    }
    return result;
  }

  Golden u8(int offset, int value) {
    buffer.put(offset, (byte) value);
    return this;
  }

  Golden u16(int offset, int value) {
    buffer.putShort(offset, (short) value);
    return this;
  }

  Golden u32(int offset, long value) {
    buffer.putInt(offset, (int) value);
    return this;
  }

  Golden u64(int offset, long value) {
    buffer.putLong(offset, value);
    return this;
  }

  Golden hex(int offset, String hex) {
    return bytes(offset, HexFormat.of().parseHex(hex));
  }

  Golden bytes(int offset, byte[] bytes) {
    buffer.put(offset, bytes);
    return this;
  }

  byte[] build() {
    return buffer.array().clone();
  }
}
