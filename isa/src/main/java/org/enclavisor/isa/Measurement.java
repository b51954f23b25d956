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

  private static final int RECORD = PageRecords.RECORD;
  private static final int STRIDE = PageRecords.STRIDE;

  private static final long ECREATE = 0x0045544145524345L;

  private final MessageDigest digest;

  // The records of one page, reused; the second is for pages of zeroes, whose data bytes are never written.
  private final PageRecords one = new PageRecords(1);
  private final PageRecords zero = new PageRecords(1);

  private Measurement(MessageDigest digest) {
    this.digest = digest;
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
    PageRecords.writeEadd(MemorySegment.ofArray(one.bytes()), 0, offset, secinfo);
    digest.update(one.bytes(), 0, RECORD);
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
    byte[] block = one.bytes();
    MemorySegment.ofArray(block).set(U64, RECORD + 8, offset);
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
    one.set(0, offset, secinfo, page);
    digest.update(one.bytes());
  }

  /**
   * Adds and measures pages that were prepared, in their order.
   *
   * @param count how many of them, from the first
   * @throws IllegalArgumentException if there are not so many
   */
  public void pages(PageRecords prepared, int count) {
    if (count < 0 || count > prepared.pages()) {
      throw new IllegalArgumentException("count=" + count + ": expected at most " + prepared.pages());
    }
    digest.update(prepared.bytes(), 0, count * PageRecords.BYTES);
  }

  /**
   * Adds a page of zeroes and measures all of it, without any bytes.
   *
   * @param offset of the page from the base, in bytes
   */
  public void zeroPage(long offset, Secinfo secinfo) {
    zero.move(0, offset, secinfo);
    digest.update(zero.bytes());
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
