package org.enclavisor.image.sdk;

/**
 * A metadata version: the upper half of the field is the major number, the lower the minor one. Ten is added to the
 * major number of an enclave that demands its ELRANGE.
 *
 * @param major as it stands in the file
 * @param minor as it stands in the file
 */
public record SdkVersion(long major, long minor) implements Comparable<SdkVersion> {
  /** Highest generation that is known. */
  public static final int NEWEST = 3;
  /** The generation for platforms without dynamic memory. */
  public static final int STATIC = 1;

  private static final int ELRANGE_GAP = 10;

  static SdkVersion of(long field) {
    return new SdkVersion(field >>> 32, field & 0xffff_ffffL);
  }

  /** 1, 2 or 3, whether or not the enclave demands its ELRANGE. */
  public long generation() {
    return major % ELRANGE_GAP;
  }

  /** Whether the metadata demands an ELRANGE. */
  public boolean demandsElrange() {
    return major > ELRANGE_GAP;
  }

  /** Whether the metadata has a table of extensions: 1.5, 3.2 and later. */
  public boolean hasExtensions() {
    return generation() == 1 && minor >= 5 || generation() == 3 && minor >= 2;
  }

  /** Version 1.3, whose loader added a page behind some segments. */
  boolean padsSegments() {
    return major == 1 && minor == 3;
  }

  @Override
  public int compareTo(SdkVersion other) {
    int byMajor = Long.compare(major, other.major);
    return byMajor != 0 ? byMajor : Long.compare(minor, other.minor);
  }

  @Override
  public String toString() {
    return major + "." + minor;
  }
}
