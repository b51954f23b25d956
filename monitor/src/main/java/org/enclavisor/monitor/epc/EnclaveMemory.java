package org.enclavisor.monitor.epc;

import java.lang.foreign.MemorySegment;

/**
 * The memory object behind an enclave's regular pages, at linear address − base. It is shared with the running
 * enclave: whatever is checked must first be copied.
 *
 * @param base linear address of the first byte
 * @param segment the bytes, sparse: a page that is neither read nor written costs nothing
 */
public record EnclaveMemory(long base, MemorySegment segment) {}
