package org.enclavisor.monitor.spi;

import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.List;
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
   * Copies whole pages into the ELRANGE. The same as writing to {@link #enclave()}; a platform may know a way that
   * costs less for pages that nobody has touched yet.
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
   * Whole pages of the ELRANGE, and what enclave code may do with them.
   *
   * @param offset from the base, in bytes, page-aligned
   * @param length in bytes, a positive multiple of the page size
   */
  record Range(long offset, long length, Permissions permissions) {
    public Range {
      if (offset < 0 || length <= 0 || (offset | length) % AddressSpaceLayout.PAGE != 0) {
        throw new IllegalArgumentException("offset=0x%x length=0x%x: expected whole pages".formatted(offset, length));
      }
    }

    /** This range, if it lies in so many bytes. */
    public Range within(long bytes) {
      if (length > bytes || offset > bytes - length) {
        throw new IllegalArgumentException(
            "offset=0x%x length=0x%x: expected pages within 0x%x bytes".formatted(offset, length, bytes));
      }
      return this;
    }
  }

  /**
   * Sets what enclave code may do with a range of the ELRANGE, in all logical processors, before it returns. At first
   * nothing is accessible.
   *
   * @param offset from the base, in bytes, page-aligned
   * @param length in bytes, a positive multiple of the page size
   * @throws IllegalArgumentException if these are not whole pages of the ELRANGE
   * @throws PlatformException if the machine refuses, or the process has died
   */
  default void protect(long offset, long length, Permissions permissions) {
    protect(List.of(new Range(offset, length, permissions)));
  }

  /**
   * Does that with several ranges, in their order: the same as one {@code protect} after the other, and cheaper. If the
   * machine refuses one, those before it are set.
   *
   * @throws IllegalArgumentException if one of them lies outside of the ELRANGE; then none is set
   * @throws PlatformException if the machine refuses, or the process has died
   */
  void protect(List<Range> ranges);

  /**
   * Gives pages back to the machine: their bytes are lost, they read as zero afterwards, and cost nothing until
   * somebody touches them. The caller has made the range inaccessible by {@code protect} before and nobody reads or
   * writes it meanwhile: whoever touches a page that has gone gets a fresh one.
   *
   * @param offset from the base, in bytes, page-aligned
   * @param length in bytes, a positive multiple of the page size
   * @throws IllegalArgumentException if these are not whole pages of the ELRANGE
   * @throws PlatformException if the machine refuses, or the address space is closed
   */
  void discard(long offset, long length);

  /**
   * Sets a mark: from now on it is noted which pages of the ELRANGE are written, by enclave code or by the monitor, be
   * it through {@link #enclave()}, {@link #fill} or {@link #discard}. No write is lost between two marks: it is in the
   * set of one of them, whenever it happens. There may be more pages in a set than were written; one may be missing
   * only if its bytes are what they were.
   *
   * <p>A mark makes the first write to each page cost more, until the address space is closed.
   *
   * @return numbers of the pages (offset / page size) written since the mark before; empty if this is the first
   * @throws PlatformException if the machine refuses, or the process has died
   */
  BitSet mark();

  /**
   * The numbers of the pages written since the last {@link #mark()}, which stays where it is.
   *
   * @throws IllegalStateException if no mark was set
   * @throws PlatformException if the machine refuses, or the process has died
   */
  BitSet written();

  /**
   * The numbers of the pages of the ELRANGE that may hold something else than zeroes, at no cost for the others: who
   * wants all content need not touch, and so pay for, what was never written. There may be zero pages among them.
   *
   * @throws PlatformException if the machine refuses, or the process has died
   */
  BitSet touched();

  /**
   * Stops all enclave code: every {@link LogicalProcessor#enter} under way comes out, by {@link Exit.Interrupt} if by
   * nothing else, and when this returns the machine itself has said that no thread of the process runs; whether an
   * enclave admits to be running does not count. Until {@link #resume()} every entry is {@link Exit.Interrupt} at once,
   * with the registers as given and the extended state that was to be loaded, or the initial one. Only memory may be
   * read and written: {@code protect} and {@code processor} throw {@link IllegalStateException}.
   *
   * @throws IllegalStateException if it is stopped already
   * @throws PlatformException if the process has died, which includes that it had to be ended to stop it
   */
  void quiesce();

  /**
   * Ends {@link #quiesce()}.
   *
   * @throws IllegalStateException if it is not stopped
   * @throws PlatformException if the process has died, or something else than this let it run meanwhile: then it is
   *     ended
   */
  void resume();

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
