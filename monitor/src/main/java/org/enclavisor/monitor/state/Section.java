package org.enclavisor.monitor.state;

import org.jspecify.annotations.Nullable;

/**
 * What a stream is made of, in this order; but the four kinds from {@link #ENTRIES} to {@link #PAGES} follow each
 * other in any order, each by ascending page numbers.
 */
public enum Section {
  /** Magic, version, kind; before the first section proper, and without a tag of its own. */
  HEADER(0, false),
  /** Which enclave, and in which life. */
  INSTANCE(1, false),
  /** What it needs of a machine: shared memory, threads, places of the extended state. */
  MACHINE(2, false),
  /** The SECS with its hidden fields. */
  SECS(3, false),
  /** What the host's mappings allow, in runs. */
  MAPPINGS(4, true),
  /** Valid EPCM entries, in runs; before what else there is of their pages. */
  ENTRIES(5, true),
  /** TCS pages with their hidden fields. */
  THREADS(6, true),
  /** Pages that were something and are zero now: in a stream of changes only. */
  ZEROES(7, true),
  /** Bytes of pages that are not zero. */
  PAGES(8, true),
  /** The digest over all before it. */
  END(9, false);

  /** Most bytes of any section. */
  static final int MAX_BYTES = StateFormat.PAGES_PREFIX + StateFormat.MAX_PAGES * StateFormat.PAGE;

  private static final Section[] VALUES = values();

  private final int tag;
  private final boolean repeats;

  Section(int tag, boolean repeats) {
    this.tag = tag;
    this.repeats = repeats;
  }

  /** Its number in the stream. */
  int tag() {
    return tag;
  }

  /** Whether there may be none or several, one after the other. */
  boolean repeats() {
    return repeats;
  }

  /** Sections of a rank follow each other in any order. */
  int rank() {
    return Math.min(tag, tag >= ENTRIES.tag && tag <= PAGES.tag ? ENTRIES.tag : END.tag);
  }

  static @Nullable Section of(int tag) {
    return tag >= 1 && tag < VALUES.length ? VALUES[tag] : null;
  }
}
