package org.enclavisor.image;

import org.enclavisor.isa.Permissions;

/**
 * A part of the ELRANGE that has a meaning but no pages in the image.
 *
 * @param part what it is, for people: {@code "guard"}, {@code "heap (dynamic)"}
 * @param offset from the ELRANGE's base, in bytes
 * @param length in bytes
 * @param permissions what pages added there later are to have
 * @param use why there are no pages
 */
public record Region(String part, long offset, long length, Permissions permissions, Use use) {
  /** Why a region has no pages. */
  public enum Use {
    /** Nothing is ever to be there, so that running into it faults. */
    GUARD,
    /** Pages may be added once the enclave runs (SGX2). */
    LATER
  }
}
