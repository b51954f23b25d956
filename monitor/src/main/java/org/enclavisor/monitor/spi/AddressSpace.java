package org.enclavisor.monitor.spi;

import java.lang.foreign.MemorySegment;
import org.enclavisor.isa.Permissions;

/**
 * The memory that enclave code can reach: the ELRANGE and a range of untrusted memory. Thread-safe.
 *
 * <p>Both segments are shared with the running enclave: whatever is read from them may change between two reads, so
 * what is checked must first be copied. Their bounds are checked on every access, and using one after
 * {@link #close()} throws {@link IllegalStateException}.
 */
public interface AddressSpace extends AutoCloseable {

  /** The linear address of the first byte of the ELRANGE. */
  long enclaveBase();

  /**
   * The bytes of the ELRANGE, at linear address − {@link #enclaveBase()}. Fresh memory reads as zero. It is sparse:
   * reading or writing a page makes it cost memory, so pages of zeroes should not be touched.
   */
  MemorySegment enclave();

  /**
   * Copies whole pages into the ELRANGE. The same as writing to {@link #enclave()}; a platform may know a way that costs
   * less for pages that nobody has touched yet.
   *
   * @param offset from the base, in bytes, page-aligned
   * @param pages stays alive until this returns; if it changes meanwhile, what is copied is one or the other
   */
  default void fill(long offset, MemorySegment pages) {
    MemorySegment.copy(pages, 0, enclave(), offset, pages.byteSize());
  }

  /** The linear address, in the enclave's eyes, of the first byte of {@link #untrusted()}. */
  long untrustedBase();

  /** The untrusted memory that host and enclave share. */
  MemorySegment untrusted();

  /**
   * Sets what enclave code may do with a range of the ELRANGE, in all logical processors, before it returns. At first
   * nothing is accessible.
   *
   * @param offset from the base, in bytes, page-aligned
   * @param length in bytes, a positive multiple of the page size
   * @throws IllegalArgumentException if these are not whole pages of the ELRANGE
   * @throws PlatformException if the machine refuses, or the process has died
   */
  void protect(long offset, long length, Permissions permissions);

  /**
   * Adds a logical processor.
   *
   * @throws ProcessDiedException if the process has died
   * @throws PlatformException if the machine refuses, or there are as many as the layout asked for
   */
  LogicalProcessor processor();

  /** Bytes of memory that the ELRANGE costs now. */
  long residentBytes();

  /** Ends the process; every {@link LogicalProcessor#enter} under way returns {@link Exit.Death}. Idempotent. */
  @Override
  void close();
}
