package org.enclavisor.isa;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.enclavisor.isa.Codec.U32;
import static org.enclavisor.isa.Codec.U64;

import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;

/**
 * MRENCLAVE as it comes to be: SHA-256 over one record of 64 bytes for each ECREATE, EADD and EEXTEND, the last
 * followed by the 256 bytes that it measures (SDM 3D, “Measurement of Initial Enclave Contents”, and the three leaves).
 * Mutable, confined to one thread.
 *
 * <p>Every record begins with the leaf's name in ASCII, padded with zero:
 *
 * <pre>
 *   ECREATE  SSAFRAMESIZE (4)  SIZE (8)       zero (44)
 *   EADD     offset (8)        SECINFO (48)
 *   EEXTEND  offset (8)        zero (48)      data (256)
 * </pre>
 */
public final class Measurement {
  /** How much EEXTEND measures, in bytes. */
  public static final int CHUNK_BYTES = 256;

  private static final int PAGE = 4096;
  private static final int RECORD = 64;
  private static final int STRIDE = RECORD + CHUNK_BYTES;
  private static final int PAGE_RECORDS = RECORD + PAGE / CHUNK_BYTES * STRIDE;

  private static final long ECREATE = 0x0045544145524345L;
  private static final long EADD = 0x0000000044444145L;
  private static final long EEXTEND = 0x00444e4554584545L;

  private final MessageDigest digest;

  // The records of a whole page, reused: what does not change from page to page is written once.
  private final byte[] block = new byte[PAGE_RECORDS];
  private final MemorySegment segment = MemorySegment.ofArray(block);

  // The same for pages of zeroes, whose data bytes are never written.
  private final byte[] zeroBlock = new byte[PAGE_RECORDS];
  private final MemorySegment zeroSegment = MemorySegment.ofArray(zeroBlock);

  private Measurement(MessageDigest digest) {
    this.digest = digest;
    for (int at = RECORD; at < PAGE_RECORDS; at += STRIDE) {
      segment.set(U64, at, EEXTEND);
      zeroSegment.set(U64, at, EEXTEND);
    }
  }

  /**
   * Begins an enclave.
   *
   * @param ssaFrameSize in pages, unsigned
   * @param size of the ELRANGE in bytes
   */
  public static Measurement ecreate(int ssaFrameSize, long size) {
    MessageDigest digest = Sha256.newDigest();
    byte[] record = new byte[RECORD];
    MemorySegment segment = MemorySegment.ofArray(record);
    segment.set(U64, 0, ECREATE);
    segment.set(U32, 8, ssaFrameSize);
    segment.set(U64, 12, size);
    digest.update(record);
    return new Measurement(digest);
  }

  /**
   * Adds a page, without its content. A TCS counts without permissions, whatever SECINFO says, since EADD drops them.
   *
   * @param offset of the page from the base, in bytes
   */
  public void eadd(long offset, Secinfo secinfo) {
    writeEadd(segment, offset, secinfo);
    digest.update(block, 0, RECORD);
  }

  /**
   * Measures 256 bytes.
   *
   * @param offset of the bytes from the base
   * @throws IllegalArgumentException if there are not 256
   */
  public void eextend(long offset, MemorySegment chunk) {
    if (chunk.byteSize() != CHUNK_BYTES) {
      throw new IllegalArgumentException("EEXTEND measures 256 bytes, not " + chunk.byteSize());
    }
    segment.set(U64, RECORD + 8, offset);
    MemorySegment.copy(chunk, JAVA_BYTE, 0, block, RECORD + RECORD, CHUNK_BYTES);
    digest.update(block, RECORD, STRIDE);
  }

  /**
   * Adds a page and measures all of it: EADD and 16 EEXTEND.
   *
   * @param offset of the page from the base, in bytes
   * @param page its 4096 bytes
   * @throws IllegalArgumentException if it has another size
   */
  public void page(long offset, Secinfo secinfo, MemorySegment page) {
    if (page.byteSize() != PAGE) {
      throw new IllegalArgumentException("a page has 4096 bytes, not " + page.byteSize());
    }
    writeEadd(segment, offset, secinfo);
    int at = RECORD;
    for (int chunk = 0; chunk < PAGE; chunk += CHUNK_BYTES) {
      segment.set(U64, at + 8, offset + chunk);
      MemorySegment.copy(page, chunk, segment, at + RECORD, CHUNK_BYTES);
      at += STRIDE;
    }
    digest.update(block);
  }

  /**
   * Adds a page of zeroes and measures all of it, without any bytes.
   *
   * @param offset of the page from the base, in bytes
   */
  public void zeroPage(long offset, Secinfo secinfo) {
    writeEadd(zeroSegment, offset, secinfo);
    int at = RECORD;
    for (int chunk = 0; chunk < PAGE; chunk += CHUNK_BYTES) {
      zeroSegment.set(U64, at + 8, offset + chunk);
      at += STRIDE;
    }
    digest.update(zeroBlock);
  }

  private static void writeEadd(MemorySegment segment, long offset, Secinfo secinfo) {
    long flags = secinfo.flags();
    if (secinfo.type() == PageType.TCS) {
      flags &= ~Permissions.RWX.bits();
    }
    segment.set(U64, 0, EADD);
    segment.set(U64, 8, offset);
    segment.set(U64, 16, flags);
  }

  /** MRENCLAVE so far: what EINIT would make of it now. More may be added afterwards. */
  public Digest32 mrEnclave() {
    try {
      return Digest32.of(((MessageDigest) digest.clone()).digest());
    } catch (CloneNotSupportedException e) {
      throw new IllegalStateException("the JDK's SHA-256 cannot be cloned", e);
    }
  }
}
