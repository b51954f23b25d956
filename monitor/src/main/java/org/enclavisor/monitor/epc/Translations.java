package org.enclavisor.monitor.epc;

/**
 * The machine's page tables, as far as leaves have to do with them. The architecture lets a running thread keep the
 * translations that it has; so a leaf that takes access away only notes it, and the tables follow before any thread
 * enters, in ETRACK, and before a page's bytes change hands. What a leaf gives is granted when it is first needed.
 *
 * <p>Thread-safe. Whoever calls has locked the page concerned, so that its entry does not change meanwhile.
 */
public interface Translations {

  /** What the host's own mappings allow of a page, whatever its entry says: 1 read, 2 write, 4 execute. */
  int mapped(long page);

  /** The entry of a page allows less than it did. Quick: nothing is done yet. */
  void shrunk(long page);

  /** Makes the tables follow all that {@link #shrunk} has noted. */
  void flush();

  /** Nothing is accessible in a page any more, now. */
  void revoke(long page);

  /** The bytes of a page that was revoked are dropped: it reads as zero, and costs nothing. */
  void discard(long page);

  /**
   * The bytes of a page that was revoked are zero from now on. What the page costs is given back to the machine by
   * {@link #reclaim}, or at once when too much has gathered.
   */
  void empty(long page);

  /**
   * Gives back to the machine what pages cost that were emptied and have not been filled again: many at once are cheaper
   * than one by one. For a moment they are locked as by a leaf of their own.
   */
  void reclaim();

  /** The monitor has written to a page while it may have been mapped: whatever copies there are of its code are stale. */
  void written(long page);
}
