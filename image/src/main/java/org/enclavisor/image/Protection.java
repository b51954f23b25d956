package org.enclavisor.image;

import org.enclavisor.isa.Permissions;

/**
 * What a loader asks of the operating system (mprotect) for a range of pages, once the enclave's own start-up, which
 * still writes relocations, is over.
 *
 * @param offset from the ELRANGE's base, in bytes
 * @param length in bytes
 * @param permissions what remains
 */
public record Protection(long offset, long length, Permissions permissions) {}
