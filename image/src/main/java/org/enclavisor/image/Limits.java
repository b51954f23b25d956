package org.enclavisor.image;

/**
 * How much an image may ask for beyond what its own file weighs. A number in a file costs its author nothing, so each
 * such number has a bound; all are far above what is known to exist (16 GiB and 2.1 million pages in production).
 */
public final class Limits {
  /** Largest ELRANGE in bytes. */
  public static final long ELRANGE = 1L << 46;
  /** Most pages that may be added. 2²⁶ pages are 256 GiB. */
  public static final long PAGES = 1L << 26;
  /** Most bytes that may be measured, fills and zeroes included: 64 GiB, about a minute of hashing. */
  public static final long MEASURED = 1L << 36;
  /** Most TCS pages that are not bytes of the file themselves. */
  public static final int THREADS = 8192;
  /** Most bytes of content that a metadata block may ask to be copied. */
  public static final long CONTENT = 1L << 30;
  /** Most runs of pages: thread groups multiply their entries. */
  public static final int RUNS = 1 << 18;

  private Limits() {}
}
