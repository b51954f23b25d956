package org.enclavisor.monitor.state;

import java.nio.charset.StandardCharsets;

/** Numbers of the format; all integers are little-endian. */
final class StateFormat {
  static final int PAGE = 4096;
  static final int VERSION = 1;

  /** Header: magic, version, kind, digest of the stream that this one continues. */
  static final int HEADER_BYTES = 48;

  /** Before each section: tag, zero, length. */
  static final int SECTION_BYTES = 16;

  static final int KIND_FULL = 0;
  static final int KIND_CHANGES = 1;
  static final int NAME_BYTES = 16;
  static final int DIGEST_BYTES = 32;
  static final int INSTANCE_BYTES = NAME_BYTES + 8 + 4 + 4;
  static final int MACHINE_PREFIX = 8 + 8 + 4 + 4 + 8;
  static final int COMPONENT_BYTES = 12;
  static final int MAX_COMPONENTS = 61;
  static final int SECS_BYTES = 4096 + 8 + 8 + 8 + 8 + 16 + 16;

  /** What of a TCS page is not reserved, on a processor without CET. */
  static final int TCS_BYTES = 72;

  static final int THREAD_BYTES = 8 + TCS_BYTES + 3 * 8;
  static final int MAX_THREADS = 1 << 14;

  /** Records that a writer collects before it makes a section of them. */
  static final int RECORDS = 1 << 10;

  static final int ENTRY_BYTES = 8 + 8 + 8;
  static final int MAPPING_BYTES = 8 + 8;
  static final int MAX_MAPPINGS = 1 << 20;
  static final int RUN_BYTES = 8 + 8;
  static final int PAGES_PREFIX = 16;

  /** Pages in one section: a mebibyte. */
  static final int MAX_PAGES = 256;

  /** Where the epoch begins in the word of an entry. */
  static final int EPOCH_SHIFT = 24;

  private static final byte[] MAGIC = "ENCLAVST".getBytes(StandardCharsets.US_ASCII);

  private StateFormat() {}

  static byte[] magic() {
    return MAGIC.clone();
  }
}
