package org.enclavisor.monitor.epc;

/**
 * An EPC page as leaves see it: something to be locked, with an EPCM entry.
 *
 * <p>The locks are those of the manual's concurrency tables (“Exclusive”, “Shared”; “Concurrent” takes none). Nobody
 * waits for one: a leaf that does not get its lock answers with a conflict. Thread-safe.
 */
public sealed interface EpcPage permits LooseFrame, ElrangePage {

  /** Takes the page for one leaf alone; false if any other leaf has it. */
  boolean tryExclusive();

  /** Gives it back. */
  void releaseExclusive();

  /** Takes the page together with other leaves that share it; false if one has it alone. */
  boolean tryShared();

  /** Gives it back. */
  void releaseShared();

  /** The EPCM entry's bits, as in {@link EpcmEntry}; without VALID if there is nothing in the page. */
  int bits();

  /** EPCM.ENCLAVEADDRESS, were there a page: 0 of a SECS or a version array. */
  long enclaveAddress();
}
