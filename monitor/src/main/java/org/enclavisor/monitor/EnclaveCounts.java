package org.enclavisor.monitor;

import java.util.EnumMap;
import java.util.Map;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.epc.TcsPage;

/**
 * How often an enclave was entered and left, and what it asked for inside. Always counted, since it costs no more than
 * an addition each; times are what events are for. A number is exact once the thread that it is about is outside.
 *
 * @param entered by EENTER
 * @param resumed by ERESUME
 * @param exited by EEXIT
 * @param interrupted out by an interrupt
 * @param exceptions out by an exception, which ones
 * @param leaves of ENCLU executed inside, other than EEXIT, whatever came of them
 * @param served page faults after which the enclave went on without an exit
 * @param evicted pages that the monitor put out of the EPC
 * @param reloaded pages that it brought back
 * @param grown pages that it added while the enclave ran
 */
public record EnclaveCounts(
    long entered,
    long resumed,
    long exited,
    long interrupted,
    Map<Vector, Long> exceptions,
    Map<EncluLeaf, Long> leaves,
    long served,
    long evicted,
    long reloaded,
    long grown) {

  public EnclaveCounts {
    exceptions = Map.copyOf(exceptions);
    leaves = Map.copyOf(leaves);
  }

  static EnclaveCounts of(Enclave enclave) {
    long entered = 0;
    long resumed = 0;
    long exited = 0;
    long interrupted = 0;
    long served = 0;
    Map<Vector, Long> exceptions = new EnumMap<>(Vector.class);
    Map<EncluLeaf, Long> leaves = new EnumMap<>(EncluLeaf.class);
    for (TcsPage tcs : enclave.secs().threads().all()) {
      entered += tcs.counts.entered();
      resumed += tcs.counts.resumed();
      exited += tcs.counts.exited();
      interrupted += tcs.counts.interrupted();
      served += tcs.counts.served();
      for (Vector vector : Vector.values()) {
        add(exceptions, vector, tcs.counts.exceptions(vector));
      }
      for (EncluLeaf leaf : EncluLeaf.values()) {
        add(leaves, leaf, tcs.counts.leaves(leaf));
      }
    }
    PageCounts pages = enclave.pageCounts;
    return new EnclaveCounts(
        entered, resumed, exited, interrupted, exceptions, leaves, served, pages.evicted(), pages.reloaded(),
        pages.grown());
  }

  private static <K> void add(Map<K, Long> sums, K key, long count) {
    if (count > 0) {
      sums.merge(key, count, Long::sum);
    }
  }
}
