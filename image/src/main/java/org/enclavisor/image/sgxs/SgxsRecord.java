package org.enclavisor.image.sgxs;

/** What records of the stream begin with, as little-endian numbers; and their sizes in bytes. */
final class SgxsRecord {
  static final long ECREATE = 0x0045544145524345L;
  static final long UNSIZED = 0x0044455a49534e55L;
  static final long EADD = 0x0000000044444145L;
  static final long EEXTEND = 0x00444e4554584545L;
  static final long UNMEASURED = 0x44525341454d4e55L;
  static final int BYTES = 64;
  static final int DATA_BYTES = 256;

  private SgxsRecord() {}
}
