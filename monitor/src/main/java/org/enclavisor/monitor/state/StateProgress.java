package org.enclavisor.monitor.state;

/** Told how writing or reading gets on, on the thread that does it; has to be quick. */
@FunctionalInterface
public interface StateProgress {
  /** Nobody listens. */
  StateProgress NONE = (done, total) -> {};

  /**
   * @param done pages done
   * @param total pages there are
   */
  void pages(long done, long total);
}
