package org.enclavisor.monitor;

import java.util.function.Supplier;
import org.enclavisor.monitor.paging.FileSwapStore;
import org.enclavisor.monitor.spi.SwapStore;

/**
 * An EPC of a certain size, from which pages are evicted when it is full.
 *
 * @param pages how many, for all enclaves together and all that paging itself needs; at least {@link #MIN_PAGES}
 * @param store makes the place where evicted pages lie
 */
public record EpcLimit(long pages, Supplier<SwapStore> store) {
  /** One enclave with one thread can just work in so many. */
  public static final long MIN_PAGES = 32;

  public EpcLimit {
    if (pages < MIN_PAGES || pages > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "EPC of %d pages: expected %d to %d".formatted(pages, MIN_PAGES, Integer.MAX_VALUE));
    }
  }

  /** With evicted pages in a file in the directory for temporary files. */
  public static EpcLimit of(long pages) {
    return new EpcLimit(pages, FileSwapStore::temporary);
  }
}
