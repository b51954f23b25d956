package org.enclavisor.image;

import org.enclavisor.isa.Tcs;

/**
 * A thread that an image provides for.
 *
 * @param offset of the TCS page from the ELRANGE's base, in bytes
 * @param tcs the TCS as it is added, or would be
 * @param dynamic whether the page is not part of the image but added later (EAUG), where the platform can
 */
public record ThreadSlot(long offset, Tcs tcs, boolean dynamic) {}
