package org.enclavisor.image.sdk;

import java.lang.foreign.MemorySegment;

/**
 * Bytes of the file to be replaced before its pages are added ({@code patch_entry_t}).
 *
 * @param fileOffset where in the file
 * @param bytes what is to be there
 */
public record Patch(long fileOffset, MemorySegment bytes) {}
