package org.enclavisor.monitor.spi;

/**
 * The two ranges of an address space that enclave code can reach.
 *
 * @param enclaveBase SECS.BASEADDR, or 0 to let the platform choose a base that is aligned to the size
 * @param enclaveSize SECS.SIZE in bytes: a power of two, at least two pages
 * @param untrustedSize bytes of untrusted memory that host and enclave share; a multiple of the page size. The platform
 *     chooses where it lies; it never overlaps the ELRANGE and is never executable
 * @param processors how many logical processors will be asked for at the most
 */
public record AddressSpaceLayout(long enclaveBase, long enclaveSize, long untrustedSize, int processors) {

  /** Bytes of a page. */
  public static final int PAGE = 4096;

  public AddressSpaceLayout {
    if (Long.bitCount(enclaveSize) != 1 || enclaveSize < 2 * PAGE) {
      throw new IllegalArgumentException("enclaveSize=" + enclaveSize + ": expected a power of two of at least 8192");
    }
    if (enclaveBase < 0 || (enclaveBase & (enclaveSize - 1)) != 0) {
      throw new IllegalArgumentException(
          "enclaveBase=0x%x: expected a multiple of enclaveSize=0x%x".formatted(enclaveBase, enclaveSize));
    }
    if (untrustedSize < 0 || untrustedSize % PAGE != 0) {
      throw new IllegalArgumentException("untrustedSize=" + untrustedSize + ": expected a multiple of " + PAGE);
    }
    if (processors < 1) {
      throw new IllegalArgumentException("processors=" + processors + ": expected at least 1");
    }
  }
}
