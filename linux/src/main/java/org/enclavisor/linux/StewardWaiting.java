package org.enclavisor.linux;

/**
 * Whether the JVM and the steward spin for each other, each on a processor of its own, or sleep on one. It pays while
 * orders come one after the other and no thread of an enclave spins; a steward that nobody needs sleeps. Confined to
 * the steward's lock.
 */
final class StewardWaiting {
  /** How long the steward spins for the next table before it goes to sleep: about what it costs to wake a processor. */
  static final int SPIN_CYCLES = 100_000;

  /** How long the JVM spins for the end of a table, before it looks whether the steward sleeps. */
  static final long SPIN_NANOS = 30_000;

  /** Orders that are not further apart than this come one after the other. */
  private static final long NEAR_NANOS = 100_000;

  private static final int NEAR_ORDERS = 4;

  /** Less than {@link #SPIN_CYCLES} on any processor: so long the steward is sure to be spinning. */
  private static final long AWAKE_NANOS = 15_000;

  /** How many orders are given sleeping after spinning has failed {@link #MISSES} times in a short while. */
  private static final int PENANCE = 1024;

  private static final int MISSES = 4;

  private static final int FORGETTING = 64;

  private final boolean possible;
  private final int tid;
  private long last = System.nanoTime();
  private int near;
  private int misses;
  private int penance;
  private boolean apart;

  private StewardWaiting(boolean possible, int tid) {
    this.possible = possible;
    this.tid = tid;
  }

  /** For the steward of this thread number. */
  static StewardWaiting of(WaitPolicy policy, int tid) {
    return new StewardWaiting(policy != WaitPolicy.SAME_CORE && !HostThread.isAlone(), tid);
  }

  /** Before each order: whether to spin for its end. Puts the steward where it belongs. */
  boolean spin() {
    near = possible && System.nanoTime() - last < NEAR_NANOS ? near + 1 : 0;
    penance = Math.max(0, penance - 1);
    boolean spin = near >= NEAR_ORDERS && penance == 0 && HostThread.isPairFree();
    if (spin && !apart) {
      Kernel.setAffinity(tid, HostThread.single(HostThread.apartFrom(Kernel.currentProcessor())));
      apart = true;
    } else if (!spin && apart) {
      Kernel.setAffinity(tid, HostThread.allowed());
      apart = false;
    }
    return spin;
  }

  /** Whether a steward that was spinning after the last order must still be. */
  boolean stillAwake() {
    return System.nanoTime() - last < AWAKE_NANOS;
  }

  /**
   * Its end did not come in time: other work has the processor, or the scheduler has put the JVM's thread on the
   * steward's. The next orders are given sleeping again.
   */
  void missed() {
    near = 0;
    misses++;
    if (misses >= MISSES) {
      misses = 0;
      penance = PENANCE;
    }
  }

  /** After each order. */
  void done() {
    last = System.nanoTime();
    if (near > 0 && near % FORGETTING == 0) {
      misses = 0;
    }
  }
}
