package org.enclavisor.monitor.paging;

import org.enclavisor.isa.EnclsLeaf;
import org.enclavisor.monitor.EnclaveId;

/** Is told what the pager did. Called under the pager's lock, so it has to be quick. */
@FunctionalInterface
public interface PageNews {

  /**
   * Pages went out (EWB), came back (ELDU).
   *
   * @param start when that began, as {@link System#nanoTime}
   */
  void moved(EnclaveId id, EnclsLeaf leaf, long pages, long start);
}
