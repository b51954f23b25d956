package org.enclavisor.monitor.spi;

/**
 * The two ranges of an address space that enclave code can reach.
 *
 * @param enclaveBase SECS.BASEADDR, or 0 to let the platform choose a base that is aligned to the size
 * @param enclaveSize SECS.SIZE in bytes: a power of two, at least two pages
 * @param untrustedBase linear address of the untrusted memory, or 0 to let the platform choose; it never overlaps the
 *     ELRANGE
 * @param untrustedSize bytes of untrusted memory that host and enclave share; a multiple of the page size. It is never
 *     executable
 * @param processors how many logical processors will be asked for at the most
 */
public record AddressSpaceLayout(
    long enclaveBase, long enclaveSize, long untrustedBase, long untrustedSize, int processors) {

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
    if (untrustedBase < 0 || untrustedBase % PAGE != 0 || untrustedBase > Long.MAX_VALUE - untrustedSize) {
      throw new IllegalArgumentException("untrustedBase=0x%x: expected the address of a page".formatted(untrustedBase));
    }
    if (enclaveBase != 0 && untrustedBase != 0 && untrustedBase < enclaveBase + enclaveSize
        && enclaveBase < untrustedBase + untrustedSize) {
      throw new IllegalArgumentException(
          "untrustedBase=0x%x untrustedSize=0x%x: overlaps the ELRANGE".formatted(untrustedBase, untrustedSize));
    }
    if (processors < 1) {
      throw new IllegalArgumentException("processors=" + processors + ": expected at least 1");
    }
  }

  /** With untrusted memory wherever the platform wants it. */
  public AddressSpaceLayout(long enclaveBase, long enclaveSize, long untrustedSize, int processors) {
    this(enclaveBase, enclaveSize, 0, untrustedSize, processors);
  }
}
