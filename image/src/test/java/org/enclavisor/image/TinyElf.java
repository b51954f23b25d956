package org.enclavisor.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes small ELF files for tests, byte by byte, so that every offset is known and can be damaged on purpose. Segments
 * and sections are put in as they are given; nothing is checked.
 */
public final class TinyElf {
  public static final int PAGE = 4096;
  private static final int HEADER = 64;
  private static final int PROGRAM_HEADER = 56;
  private static final int SECTION_HEADER = 64;

  private record Segment(int type, int flags, long offset, long address, long fileSize, long memorySize, long align) {}

  private record Section(String name, int type, long flags, long address, long offset, long size, int link, long align,
      long entrySize) {}

  private final ByteBuffer file;
  private final List<Segment> segments = new ArrayList<>();
  private final List<Section> sections = new ArrayList<>();
  private long entry;
  private int type = 3;
  private int end;

  /** @param contentBytes where the section headers go: behind all content */
  public TinyElf(int contentBytes) {
    file = ByteBuffer.allocate(contentBytes + 64 * 1024).order(ByteOrder.LITTLE_ENDIAN);
    end = contentBytes;
    sections.add(new Section("", 0, 0, 0, 0, 0, 0, 0, 0));
  }

  public TinyElf entry(long address) {
    entry = address;
    return this;
  }

  public TinyElf type(int elfType) {
    type = elfType;
    return this;
  }

  public TinyElf put(int offset, byte[] bytes) {
    file.put(offset, bytes);
    return this;
  }

  public TinyElf put64(int offset, long value) {
    file.putLong(offset, value);
    return this;
  }

  public TinyElf put32(int offset, long value) {
    file.putInt(offset, (int) value);
    return this;
  }

  public TinyElf put16(int offset, int value) {
    file.putShort(offset, (short) value);
    return this;
  }

  public TinyElf fill(int offset, int length, int seed) {
    for (int i = 0; i < length; i++) {
      file.put(offset + i, (byte) (seed + i * 31 + (i >> 8)));
    }
    return this;
  }

  public TinyElf segment(int segmentType, int flags, long offset, long address, long fileSize, long memorySize,
      long align) {
    segments.add(new Segment(segmentType, flags, offset, address, fileSize, memorySize, align));
    return this;
  }

  /** @return the section's index */
  public int section(String name, int sectionType, long flags, long address, long offset, long size, int link,
      long align, long entrySize) {
    sections.add(new Section(name, sectionType, flags, address, offset, size, link, align, entrySize));
    return sections.size() - 1;
  }

  /** Writes a symbol of 24 bytes. */
  public TinyElf symbol(int offset, int name, int info, int section, long value, long size) {
    return put32(offset, name).put(offset + 4, new byte[] {(byte) info, 0}).put16(offset + 6, section)
        .put64(offset + 8, value).put64(offset + 16, size);
  }

  public byte[] build() {
    int names = end;
    StringBuilder text = new StringBuilder("\0");
    List<Integer> nameAt = new ArrayList<>();
    section(".shstrtab", 3, 0, 0, names, 0, 0, 1, 0);
    for (Section section : sections) {
      nameAt.add(section.name.isEmpty() ? 0 : text.length());
      text.append(section.name.isEmpty() ? "" : section.name + "\0");
    }
    put(names, text.toString().getBytes(StandardCharsets.US_ASCII));
    int last = sections.size() - 1;
    Section strings = sections.get(last);
    sections.set(last, new Section(strings.name, 3, 0, 0, names, text.length(), 0, 1, 0));
    int table = (names + text.length() + 15) & -16;
    for (int i = 0; i < sections.size(); i++) {
      Section s = sections.get(i);
      int at = table + i * SECTION_HEADER;
      put32(at, nameAt.get(i)).put32(at + 4, s.type).put64(at + 8, s.flags).put64(at + 16, s.address)
          .put64(at + 24, s.offset).put64(at + 32, s.size).put32(at + 40, s.link).put64(at + 48, s.align)
          .put64(at + 56, s.entrySize);
    }
    put(0, new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1});
    put16(16, type).put16(18, 62).put32(20, 1).put64(24, entry).put64(32, HEADER).put64(40, table).put16(52, HEADER)
        .put16(54, PROGRAM_HEADER).put16(56, segments.size()).put16(58, SECTION_HEADER).put16(60, sections.size())
        .put16(62, last);
    for (int i = 0; i < segments.size(); i++) {
      Segment s = segments.get(i);
      int at = HEADER + i * PROGRAM_HEADER;
      put32(at, s.type).put32(at + 4, s.flags).put64(at + 8, s.offset).put64(at + 16, s.address)
          .put64(at + 24, s.address).put64(at + 32, s.fileSize).put64(at + 40, s.memorySize).put64(at + 48, s.align);
    }
    byte[] bytes = new byte[table + sections.size() * SECTION_HEADER];
    file.get(0, bytes);
    return bytes;
  }
}
