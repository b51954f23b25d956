package org.enclavisor.app;

/** Tells a person at a terminal how far something long has come: nothing in its first second, nothing into a pipe. */
final class Progress {
  private static final long QUIET_NANOS = 1_000_000_000;
  private static final long BETWEEN_NANOS = 100_000_000;

  private final String what;
  private final long total;
  private final boolean shown = System.console() != null && System.console().isTerminal();
  private final long start = System.nanoTime();
  private long last = start;

  /**
   * @param what is being done, as {@code "measuring"}
   * @param total how many pages it takes
   */
  Progress(String what, long total) {
    this.what = what;
    this.total = total;
  }

  /** Something whose length is not known: said at once, and until {@link #clear}. */
  Progress(String what) {
    this(what, 0);
    if (shown) {
      System.err.print(what);
    }
  }

  /** Takes back what {@link #Progress(String)} said. */
  void clear() {
    if (shown) {
      System.err.print("\r\033[K");
    }
  }

  /** So many pages are done. */
  void at(long done) {
    long now = System.nanoTime();
    if (!shown || now - start < QUIET_NANOS || now - last < BETWEEN_NANOS && done < total) {
      return;
    }
    last = now;
    System.err.print("\r%s %d of %d pages (%d %%)".formatted(what, done, total, total == 0 ? 100 : 100 * done / total));
    if (done >= total) {
      System.err.print("\r\033[K");
    }
  }
}
