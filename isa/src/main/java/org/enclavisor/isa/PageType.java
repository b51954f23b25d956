package org.enclavisor.isa;

import java.util.Optional;

/** PAGE_TYPE: what an EPC page is, in SECINFO and EPCM (SDM 3D, “PAGE_TYPE Field Definition”). */
public enum PageType {
  /** PT_SECS. */
  SECS(0),
  /** PT_TCS. */
  TCS(1),
  /** PT_REG: code or data. */
  REG(2),
  /** PT_VA: versions of evicted pages. */
  VA(3),
  /** PT_TRIM: on its way to be removed. */
  TRIM(4),
  /** PT_SS_FIRST: the first page of a shadow stack. */
  SS_FIRST(5),
  /** PT_SS_REST: the other pages of a shadow stack. */
  SS_REST(6);

  private static final PageType[] VALUES = values();

  private final int code;

  PageType(int code) {
    this.code = code;
  }

  /** The manual's number, 0 to 6. */
  public int code() {
    return code;
  }

  /** By the manual's number; empty where that is reserved. */
  public static Optional<PageType> of(int code) {
    return code >= 0 && code < VALUES.length ? Optional.of(VALUES[code]) : Optional.empty();
  }
}
