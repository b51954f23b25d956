package org.enclavisor.isa;

import static org.enclavisor.isa.Codec.U64;

import java.lang.foreign.MemorySegment;

/**
 * What is hashed of measured pages: for each its EADD record and 16 EEXTEND records with their data, 5184 bytes. Made
 * apart from the hash, so that one thread can prepare what another hashes. Used by one thread at a time.
 */
public final class PageRecords {
  static final int PAGE = 4096;
  static final int RECORD = 64;
  static final int STRIDE = RECORD + Measurement.CHUNK_BYTES;

  /** Bytes that are hashed of a page. */
  public static final int BYTES = RECORD + PAGE / Measurement.CHUNK_BYTES * STRIDE;

  private static final long EADD = 0x0000000044444145L;
  private static final long EEXTEND = 0x00444e4554584545L;

  // What does not change from page to page is written once.
  private final byte[] bytes;
  private final MemorySegment segment;

  /** Room for so many pages, which are zero at first. */
  public PageRecords(int pages) {
    bytes = new byte[Math.multiplyExact(pages, BYTES)];
    segment = MemorySegment.ofArray(bytes);
    for (int page = 0; page < bytes.length; page += BYTES) {
      for (int at = RECORD; at < BYTES; at += STRIDE) {
        segment.set(U64, page + at, EEXTEND);
      }
    }
  }

  /** How many pages there is room for. */
  public int pages() {
    return bytes.length / BYTES;
  }

  /**
   * Prepares a page.
   *
   * @param index its place, from 0
   * @param offset of the page from the base, in bytes
   * @param page its 4096 bytes
   * @throws IllegalArgumentException if it has another size
   */
  public void set(int index, long offset, Secinfo secinfo, MemorySegment page) {
    if (page.byteSize() != PAGE) {
      throw new IllegalArgumentException("a page has 4096 bytes, not " + page.byteSize());
    }
    move(index, offset, secinfo);
    int at = index * BYTES + RECORD + RECORD;
    for (int chunk = 0; chunk < PAGE; chunk += Measurement.CHUNK_BYTES) {
      MemorySegment.copy(page, chunk, segment, at, Measurement.CHUNK_BYTES);
      at += STRIDE;
    }
  }

  /** Changes where the page at a place is, and leaves its bytes. */
  void move(int index, long offset, Secinfo secinfo) {
    int start = index * BYTES;
    writeEadd(segment, start, offset, secinfo);
    int at = start + RECORD;
    for (int chunk = 0; chunk < PAGE; chunk += Measurement.CHUNK_BYTES) {
      segment.set(U64, at + 8, offset + chunk);
      at += STRIDE;
    }
  }

  byte[] bytes() {
    return bytes;
  }

  static void writeEadd(MemorySegment segment, long at, long offset, Secinfo secinfo) {
    long flags = secinfo.flags();
    if (secinfo.type() == PageType.TCS) {
      flags &= ~Permissions.RWX.bits();
    }
    segment.set(U64, at, EADD);
    segment.set(U64, at + 8, offset);
    segment.set(U64, at + 16, flags);
  }
}
