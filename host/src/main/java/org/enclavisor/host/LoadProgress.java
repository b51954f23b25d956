package org.enclavisor.host;

/**
 * How far loading has come.
 *
 * @param doneBytes of pages that were added
 * @param totalBytes of all pages
 */
public record LoadProgress(Phase phase, long doneBytes, long totalBytes) {

  /** What is being done. */
  public enum Phase {
    /** EADD and EEXTEND. */
    ADDING,
    /** EINIT. */
    INITIALIZING,
    /** The enclave's own start code. */
    STARTING,
    /** Ready for calls. */
    READY
  }
}
