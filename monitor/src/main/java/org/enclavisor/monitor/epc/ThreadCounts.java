package org.enclavisor.monitor.epc;

import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.Vector;
import org.jspecify.annotations.Nullable;

/**
 * What a TCS was used for. Written by the TCS's owner alone, without fences or atomics; others may read, and see what
 * was true a moment ago.
 */
public final class ThreadCounts {
  private static final int VECTORS = 32;
  private static final int LEAVES = 16;

  private long entered;
  private long resumed;
  private long exited;
  private long interrupted;
  private long served;
  private final long[] exceptions = new long[VECTORS];
  private final long[] leaves = new long[LEAVES];

  /** In by EENTER. */
  public void enter() {
    entered++;
  }

  /** In by ERESUME. */
  public void resume() {
    resumed++;
  }

  /** Out by EEXIT. */
  public void exit() {
    exited++;
  }

  /** Out by an exception, or by an interrupt if there is none. */
  public void asynchronousExit(@Nullable Vector vector) {
    if (vector == null) {
      interrupted++;
    } else {
      exceptions[vector.number()]++;
    }
  }

  /** A leaf of ENCLU. The number is the enclave's, so it may be any. */
  public void leaf(int number) {
    if (number >= 0 && number < LEAVES) {
      leaves[number]++;
    }
  }

  /** A page fault that was none of the enclave's business. */
  public void serve() {
    served++;
  }

  /** How often in by EENTER. */
  public long entered() {
    return entered;
  }

  /** How often in by ERESUME. */
  public long resumed() {
    return resumed;
  }

  /** How often out by EEXIT. */
  public long exited() {
    return exited;
  }

  /** How often out by an interrupt. */
  public long interrupted() {
    return interrupted;
  }

  /** How many page faults were served. */
  public long served() {
    return served;
  }

  /** How often out by an exception. */
  public long exceptions(Vector vector) {
    return exceptions[vector.number()];
  }

  /** How often a leaf was executed. */
  public long leaves(EncluLeaf leaf) {
    return leaves[leaf.code()];
  }
}
