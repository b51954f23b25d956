package org.enclavisor.monitor;

import java.util.concurrent.atomic.LongAdder;
import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.monitor.observe.PagingKind;

/** How many pages of an enclave the monitor itself has moved. Any thread. */
final class PageCounts {
  private final LongAdder evicted = new LongAdder();
  private final LongAdder reloaded = new LongAdder();
  private final LongAdder grown = new LongAdder();

  void moved(EnclsLeaf leaf, long pages) {
    PagingKind.of(leaf)
        .ifPresent(
            kind -> {
              switch (kind) {
                case EVICTED -> evicted.add(pages);
                case RELOADED -> reloaded.add(pages);
                case GROWN -> grown.add(pages);
              }
            });
  }

  long evicted() {
    return evicted.sum();
  }

  long reloaded() {
    return reloaded.sum();
  }

  long grown() {
    return grown.sum();
  }
}
