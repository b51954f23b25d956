package org.enclavisor.monitor;

import org.enclavisor.isa.EncluLeaf;

/**
 * The operands of EENTER or ERESUME. Hosts make one for each thread and leaf and use it again and again.
 *
 * @param leaf EENTER or ERESUME
 * @param tcs RBX: the linear address of the TCS
 * @param aep RCX: the asynchronous exit pointer, a canonical address; the monitor hands it back and never follows it
 */
public record EnterCall(EncluLeaf leaf, long tcs, long aep) {

  public EnterCall {
    if (leaf != EncluLeaf.EENTER && leaf != EncluLeaf.ERESUME) {
      throw new IllegalArgumentException("leaf=" + leaf + ": expected EENTER or ERESUME");
    }
  }

  /** EENTER of a thread. */
  public static EnterCall eenter(long tcs, long aep) {
    return new EnterCall(EncluLeaf.EENTER, tcs, aep);
  }

  /** ERESUME of a thread. */
  public static EnterCall eresume(long tcs, long aep) {
    return new EnterCall(EncluLeaf.ERESUME, tcs, aep);
  }
}
