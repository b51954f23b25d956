package org.enclavisor.monitor;

import java.lang.foreign.MemorySegment;

/**
 * The memory that a host shares with its enclave. Both may write to it at any time: whoever checks what is in it, must
 * copy it first.
 *
 * @param base the linear address of the first byte, in the enclave's eyes
 * @param segment the bytes; using it after the enclave was removed throws {@link IllegalStateException}
 */
public record UntrustedMemory(long base, MemorySegment segment) {}
